import { fstatSync, read } from 'node:fs';
import { promisify } from 'node:util';
import { closeFile } from '@vzdump-format/posix';
import { ArchiveError, type ByteSource } from '@vzdump-format/streams';
import type { FileEntry } from '../entry/entry.js';
import { walk } from '../walk/walk.js';
import type { WalkOptions } from '../walk/walk-options.js';
import { openSource } from '../walk/walk-sources.js';
import { isGone } from '../walk/walk-warnings.js';
import { entryNotFound, parentOf, type TreeSource, wrongEntryKind } from './tree-source.js';

const readDescriptor = promisify(read);

/**
 * A directory as a tree, which is what `walk` finds with these options. Nothing leads out of it, whatever
 * others do to it meanwhile. @param root a directory; if it is a link, it is followed
 */
export function openDirectoryTree(root: string, options: WalkOptions = {}): TreeSource {
  return new DirectorySource(root, options);
}

/** A directory of which a tree is to be made, as whoever reads it likes it. */
export class DirectoryTree {
  /**
   * @param root the directory
   * @param sources as `WalkOptions.sources`: `''`, and those of further file systems that belong to the tree
   */
  constructor(
    readonly root: string,
    readonly sources: readonly string[] = [''],
  ) {}

  open(options: Omit<WalkOptions, 'sources'> = {}): TreeSource {
    return openDirectoryTree(this.root, { ...options, sources: this.sources });
  }
}

class DirectorySource implements TreeSource {
  readonly access = 'random';

  constructor(
    private readonly root: string,
    private readonly options: WalkOptions,
  ) {}

  async stat(path: string): Promise<FileEntry | undefined> {
    const only = (found: string) => found.length > parentOf(path).length && found !== path;
    try {
      for await (const entry of this.inDirectory(parentOf(path), only)) if (entry.path === path) return entry;
    } catch (error) {
      if (!isGone(error) && !isOutside(error)) throw error;
    }
    return undefined;
  }

  async *list(path: string): AsyncGenerator<FileEntry> {
    const directory = await this.stat(path);
    if (directory === undefined) throw entryNotFound(path);
    if (directory.type !== 'directory') throw wrongEntryKind('directory', directory);
    for await (const entry of this.inDirectory(path, () => false)) if (entry.path !== path) yield entry;
  }

  async open(path: string): Promise<ByteSource> {
    const entry = await this.stat(path);
    if (entry === undefined) throw entryNotFound(path);
    if (entry.type !== 'file') throw wrongEntryKind('file', entry);
    const { directory } = openSource(this.root, parentOf(path))!;
    try {
      return new DescriptorSource(directory.openFile(path.slice(path.lastIndexOf('/') + 1)));
    } finally {
      directory.close();
    }
  }

  entries(path = ''): AsyncIterable<FileEntry> {
    return path === '' ? walk(this.root, this.options) : this.entriesBelow(path);
  }

  private async *entriesBelow(path: string): AsyncGenerator<FileEntry> {
    const found = await this.stat(path);
    if (found === undefined) throw entryNotFound(path);
    if (found.type === 'directory') {
      yield* walk(this.root, { ...this.options, sources: [path] });
      return;
    }
    const parent = parentOf(path);
    const others = (other: string) => other.length > parent.length && other !== path;
    const excludes = { excludes: others };
    for await (const entry of walk(this.root, { ...this.options, sources: [parent], maxDepth: 1, excludes }))
      if (entry.path === path) yield entry;
  }

  /** A directory, and what is in it. @param leftOut which of that is none of our business */
  private inDirectory(path: string, leftOut: (path: string) => boolean): AsyncIterable<FileEntry> {
    const rules = this.options.excludes;
    const excludes = {
      excludes: (found: string, isDirectory: boolean) =>
        leftOut(found) || (rules?.excludes(found, isDirectory) ?? false),
    };
    const options = { ...this.options, sources: [path], maxDepth: 1, metadataOnly: true };
    return walk(this.root, { ...options, excludes });
  }
}

/** Whether a path is none below the root. */
function isOutside(error: unknown): boolean {
  return error instanceof ArchiveError && error.code === 'TREE_SOURCE';
}

/** A regular file that is open. */
class DescriptorSource implements ByteSource {
  readonly size: number;

  constructor(readonly fd: number) {
    this.size = fstatSync(fd).size;
  }

  async read(buffer: Uint8Array, offset: number): Promise<number> {
    let filled = 0;
    while (filled < buffer.length) {
      const { bytesRead } = await readDescriptor(
        this.fd,
        buffer,
        filled,
        buffer.length - filled,
        offset + filled,
      );
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return filled;
  }

  async close(): Promise<void> {
    closeFile(this.fd);
  }
}
