import { fstatSync, read } from 'node:fs';
import { promisify } from 'node:util';
import { closeFile } from '@vzdump-format/posix';
import { ArchiveError, type ByteSource, fill } from '@vzdump-format/streams';
import type { FileEntry } from '../entry/entry.js';
import { parentOf } from '../entry/entry-path.js';
import { type ExcludeRules, excludingAlso } from '../excludes/excludes.js';
import { type WalkOptions, walk } from '../walk/walk.js';
import { openSource } from '../walk/walk-sources.js';
import { isGone } from '../walk/walk-warnings.js';
import { entryNotFound, type TreeSource, wrongEntryKind } from './tree-source.js';

const readDescriptor = promisify(read);

const NOTHING_EXCLUDED: ExcludeRules = { excludes: () => false };

/**
 * A directory as a tree, which is what `walk` finds with these options. Nothing leads out of it, whatever
 * others do to it meanwhile. @param root a directory; if it is a link, it is followed
 */
export function openDirectoryTree(root: string, options: WalkOptions = {}): TreeSource {
  return new DirectorySource(root, options);
}

/** A directory that can be opened as a tree, with the options of whoever reads it. */
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
    try {
      for await (const entry of this.only(path, { metadataOnly: true })) return entry;
    } catch (error) {
      if (!isGone(error) && !isOutside(error)) throw error;
    }
    return undefined;
  }

  async *list(path: string): AsyncGenerator<FileEntry> {
    const directory = await this.stat(path);
    if (directory === undefined) throw entryNotFound(path);
    if (directory.type !== 'directory') throw wrongEntryKind('directory', directory);
    const options = { ...this.options, sources: [path], maxDepth: 1, metadataOnly: true };
    for await (const entry of walk(this.root, options)) if (entry.path !== path) yield entry;
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
    if (found.type === 'directory') yield* walk(this.root, { ...this.options, sources: [path] });
    else yield* this.only(path, {});
  }

  /** What has a path, without what is in it: a walk of the directory around it that leaves out all else. */
  private async *only(path: string, options: WalkOptions): AsyncGenerator<FileEntry> {
    const parent = parentOf(path);
    const excludes = excludingAlso(
      this.options.excludes ?? NOTHING_EXCLUDED,
      (other) => other.length > parent.length && other !== path,
    );
    const walked = walk(this.root, { ...this.options, ...options, sources: [parent], maxDepth: 1, excludes });
    for await (const entry of walked) if (entry.path === path) yield entry;
  }
}

/** Whether an error says that a path leads out of the root. */
function isOutside(error: unknown): boolean {
  return error instanceof ArchiveError && error.code === 'TREE_SOURCE';
}

/** A regular file that is open. */
class DescriptorSource implements ByteSource {
  readonly size: number;

  constructor(readonly fd: number) {
    this.size = fstatSync(fd).size;
  }

  read(buffer: Uint8Array, offset: number): Promise<number> {
    return fill(buffer, (at, length) => readDescriptor(this.fd, buffer, at, length, offset + at));
  }

  async close(): Promise<void> {
    closeFile(this.fd);
  }
}
