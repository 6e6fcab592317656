import { ArchiveError, ByteReader, type ByteSource } from '@vzdump-format/streams';
import type { FileEntry } from '../entry/entry.js';
import { wholeContent } from '../entry/whole-content.js';
import { entriesBelow, entryNotFound, parentOf, type TreeSource, wrongEntryKind } from './tree-source.js';

/** What is remembered of an entry takes some 500 bytes. */
const MOST_REMEMBERED = 2_000_000;

/**
 * A tree of which nothing is to be had but all its entries, from the first one on: that of an archive that
 * can be entered nowhere else. What they are is remembered, not what is in them.
 * @param pass begins anew each time. @throws what says that this cannot be done twice
 */
export function scannedTree<Entry extends FileEntry>(pass: () => AsyncIterable<Entry>): TreeSource<Entry> {
  return new ScannedSource(pass);
}

class ScannedSource<Entry extends FileEntry> implements TreeSource<Entry> {
  readonly access = 'scan';
  private remembered: Promise<Remembered<Entry>> | undefined;

  constructor(private readonly pass: () => AsyncIterable<Entry>) {}

  async stat(path: string): Promise<Entry | undefined> {
    return (await this.scan()).entries.get(path);
  }

  async *list(path: string): AsyncGenerator<Entry> {
    const { entries, children } = await this.scan();
    const directory = entries.get(path);
    if (directory === undefined) throw entryNotFound(path);
    if (directory.type !== 'directory') throw wrongEntryKind('directory', directory);
    for (const child of children.get(path) ?? []) yield entries.get(child)!;
  }

  async open(path: string): Promise<ByteSource> {
    const { entries, repeats, linked } = await this.scan();
    const found = entries.get(path);
    if (found === undefined) throw entryNotFound(path);
    const named =
      found.type === 'hardlink' ? linked.get(found) : { entry: found, before: repeats.get(path) ?? 0 };
    if (named === undefined) throw entryNotFound(found.linkTarget!, path);
    if (named.entry.type !== 'file') throw wrongEntryKind('file', named.entry);
    return new ForwardSource(this.pass, named);
  }

  entries(path = ''): AsyncIterable<Entry> {
    return path === '' ? this.pass() : entriesBelow(path, this.pass());
  }

  private scan(): Promise<Remembered<Entry>> {
    this.remembered ??= remember(this.pass());
    return this.remembered;
  }
}

interface Remembered<Entry> {
  readonly entries: Map<string, Entry>;
  /** The paths in a directory. */
  readonly children: Map<string, Set<string>>;
  /** Of paths that come more than once, how many come before the last one. */
  readonly repeats: Map<string, number>;
  /** What hardlinks name: the file of that path as it was when they came. */
  readonly linked: Map<Entry, Occurrence<Entry>>;
}

/** An entry, and how many of the same path come before it. */
interface Occurrence<Entry> {
  readonly entry: Entry;
  readonly before: number;
}

async function remember<Entry extends FileEntry>(all: AsyncIterable<Entry>): Promise<Remembered<Entry>> {
  const entries = new Map<string, Entry>();
  const children = new Map<string, Set<string>>();
  const repeats = new Map<string, number>();
  const implied = new Set<string>();
  const linked = new Map<Entry, Occurrence<Entry>>();
  const put = (entry: Entry) => {
    if (entries.size > MOST_REMEMBERED) {
      const message = `more than ${MOST_REMEMBERED} entries, in an archive that is read from its beginning`;
      throw new ArchiveError('TREE_LIMIT', message, {
        hint: 'compress it anew, so that it can be entered anywhere',
      });
    }
    entries.set(entry.path, entry);
    if (entry.path === '') return;
    const siblings = children.get(parentOf(entry.path));
    if (siblings === undefined) children.set(parentOf(entry.path), new Set([entry.path]));
    else siblings.add(entry.path);
  };
  for await (const { content: _, ...entry } of all) {
    const isAgain = entries.has(entry.path) && !implied.delete(entry.path);
    if (isAgain) repeats.set(entry.path, (repeats.get(entry.path) ?? 0) + 1);
    if (entry.type === 'hardlink') {
      const target = entries.get(entry.linkTarget!);
      const before = repeats.get(entry.linkTarget!) ?? 0;
      const named = target?.type === 'hardlink' ? linked.get(target) : target && { entry: target, before };
      if (named !== undefined) linked.set(entry as Entry, named);
    }
    put(entry as Entry);
    for (let path = parentOf(entry.path); !entries.has(path); path = parentOf(path)) {
      put({ ...entry, ...IMPLIED_DIRECTORY, path } as Entry);
      implied.add(path);
    }
  }
  if (!entries.has('')) put({ ...IMPLIED_DIRECTORY, path: '' } as Entry);
  return { entries, children, repeats, linked };
}

const IMPLIED_DIRECTORY = {
  ...{ type: 'directory', mode: 0o755, uid: 0, gid: 0, mtime: 0n, size: 0 },
  ...{ linkTarget: undefined, device: undefined, xattrs: undefined, acl: undefined, extents: undefined },
} as const;

/** A file that is read from its beginning, and again from there when something before is asked for. */
class ForwardSource<Entry extends FileEntry> implements ByteSource {
  readonly size: number;
  private reader: ByteReader | undefined;
  /** One read at a time. */
  private last: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly pass: () => AsyncIterable<Entry>,
    private readonly file: Occurrence<Entry>,
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
