import { ArchiveError, ByteReader, type ByteSource } from '@vzdump-format/streams';
import { wholeContent } from '../entry/content.js';
import type { FileEntry } from '../entry/entry.js';
import { parentOf } from '../entry/entry-path.js';
import {
  entriesBelow,
  entryNotFound,
  impliedDirectory,
  type TreeSource,
  wrongEntryKind,
} from './tree-source.js';

/** What is remembered of an entry takes some 500 bytes. */
const MOST_REMEMBERED = 2_000_000;

/**
 * A tree whose entries can only be read from the first one on: that of an archive that can be entered
 * nowhere else. The entries are remembered, without their contents.
 * @param pass reads from the first entry on, each time; it throws where that cannot be done twice
 */
export function scannedTree(pass: () => AsyncIterable<FileEntry>): TreeSource {
  return new ScannedSource(pass);
}

class ScannedSource implements TreeSource {
  readonly access = 'scan';
  private remembered: Promise<Remembered> | undefined;

  constructor(private readonly pass: () => AsyncIterable<FileEntry>) {}

  async stat(path: string): Promise<FileEntry | undefined> {
    return (await this.scan()).byPath.get(path)?.entry;
  }

  async *list(path: string): AsyncGenerator<FileEntry> {
    const { byPath, children } = await this.scan();
    const directory = byPath.get(path)?.entry;
    if (directory === undefined) throw entryNotFound(path);
    if (directory.type !== 'directory') throw wrongEntryKind('directory', directory);
    for (const child of children.get(path) ?? []) yield byPath.get(child)!.entry;
  }

  async open(path: string): Promise<ByteSource> {
    const found = (await this.scan()).byPath.get(path);
    if (found === undefined) throw entryNotFound(path);
    const { entry } = found;
    const file = entry.type === 'hardlink' ? found.target : found;
    if (file === undefined) throw entryNotFound(entry.linkTarget!, path);
    if (file.entry.type !== 'file') throw wrongEntryKind('file', file.entry);
    return new ForwardSource(this.pass, file);
  }

  entries(path = ''): AsyncIterable<FileEntry> {
    return path === '' ? this.pass() : entriesBelow(path, this.pass());
  }

  private scan(): Promise<Remembered> {
    this.remembered ??= remember(this.pass());
    return this.remembered;
  }
}

interface Remembered {
  /** The last entry of each path. */
  readonly byPath: ReadonlyMap<string, Occurrence>;
  /** The paths in a directory. */
  readonly children: ReadonlyMap<string, ReadonlySet<string>>;
}

interface Occurrence {
  readonly entry: FileEntry;
  /** How many entries of the same path come before it; -1 for a directory that is only implied. */
  readonly before: number;
  /** For a hardlink: the file that had the name when the link came. */
  readonly target: Occurrence | undefined;
}

async function remember(entries: AsyncIterable<FileEntry>): Promise<Remembered> {
  const byPath = new Map<string, Occurrence>();
  const children = new Map<string, Set<string>>();
  const put = (occurrence: Occurrence) => {
    if (byPath.size > MOST_REMEMBERED) {
      const message = `more than ${MOST_REMEMBERED} entries, in an archive that is read from its beginning`;
      throw new ArchiveError('TREE_LIMIT', message, {
        hint: 'compress it anew, so that it can be entered anywhere',
      });
    }
    const { path } = occurrence.entry;
    byPath.set(path, occurrence);
    if (path === '') return;
    const siblings = children.get(parentOf(path));
    if (siblings === undefined) children.set(parentOf(path), new Set([path]));
    else siblings.add(path);
  };
  const imply = (path: string) => put({ entry: impliedDirectory(path), before: -1, target: undefined });
  for await (const { content: _, ...entry } of entries) {
    const named = entry.type === 'hardlink' ? byPath.get(entry.linkTarget!) : undefined;
    const target = named?.entry.type === 'hardlink' ? named.target : named;
    put({ entry, before: (byPath.get(entry.path)?.before ?? -1) + 1, target });
    for (let path = parentOf(entry.path); !byPath.has(path); path = parentOf(path)) imply(path);
  }
  if (!byPath.has('')) imply('');
  return { byPath, children };
}

/** A file that is read from its beginning, and again from there when something before is asked for. */
class ForwardSource implements ByteSource {
  readonly size: number;
  private reader: ByteReader | undefined;
  /** One read at a time. */
  private last: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly pass: () => AsyncIterable<FileEntry>,
    private readonly file: Occurrence,
  ) {
    this.size = file.entry.size;
  }

  read(buffer: Uint8Array, offset: number): Promise<number> {
    const reading = this.last.then(() => this.readNow(buffer, offset));
    this.last = reading.catch(() => {});
    return reading;
  }

  async close(): Promise<void> {
    await this.last;
    await this.reader?.close();
  }

  private async readNow(buffer: Uint8Array, offset: number): Promise<number> {
    if (offset >= this.size) return 0;
    if (this.reader !== undefined && offset < this.reader.offset) {
      await this.reader.close();
      this.reader = undefined;
    }
    this.reader ??= new ByteReader(this.content());
    for (let left = offset - this.reader.offset; left > 0; )
      left -= (await this.reader.readSome(left)).length;
    let filled = 0;
    while (filled < buffer.length && !(await this.reader.atEnd())) {
      const bytes = await this.reader.readSome(buffer.length - filled);
      buffer.set(bytes, filled);
      filled += bytes.length;
    }
    return filled;
  }

  private async *content(): AsyncGenerator<Uint8Array> {
    const { path } = this.file.entry;
    let before = 0;
    for await (const entry of this.pass()) {
      if (entry.path !== path || before++ < this.file.before) continue;
      yield* wholeContent(entry);
      return;
    }
    throw entryNotFound(path);
  }
}
