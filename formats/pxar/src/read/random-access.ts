import { entryNotFound, type TreeSource, wrongEntryKind } from '@vzdump-format/file-tree';
import { pathToBytes, printableName } from '@vzdump-format/posix';
import { ArchiveError, type ByteSource, readChunks, SliceSource } from '@vzdump-format/streams';
import { ITEM_HEADER_SIZE, NAME_HASH_KEY } from '../format.js';
import { SipHash } from '../goodbye.js';
import { nameFault } from '../names.js';
import { payloadMissing, requirePayload, requirePayloadStart } from './content-reader.js';
import { ChildReader, type DirectoryPlace, GoodbyeTable, refuse, wrongTable } from './directory-reader.js';
import { EntryReader, type PxarEntry, type PxarHeader, readHeader, wrongHardlink } from './entry-reader.js';
import { ForwardReader, ItemReader } from './item-reader.js';
import { type UnpackPxarOptions, unpackPxar } from './unpack.js';

/** Read at a time where one entry is wanted. */
const ENTRY_CHUNK = 512;
/** And where those of a directory are, one after the other. */
const DIRECTORY_CHUNK = 64 * 1024;
/** Goodbye tables whose first levels are kept. */
const MOST_TABLES = 64;
/** Names of one hash that are looked at: nobody has two by chance. */
const MOST_NAMESAKES = 16;

export interface OpenPxarOptions extends Pick<UnpackPxarOptions, 'onWarning' | 'signal'> {
  /** The payload stream of a split archive. Without it, entries can be found, but not read. */
  readonly payload?: ByteSource | undefined;
}

/** An archive at rest, in which entries are found through the goodbye tables. */
export interface PxarArchive extends TreeSource<PxarEntry> {
  readonly header: PxarHeader;
  readonly root: PxarEntry;
  /** What is in a directory, in the archive's order. @throws `ENTRY_NOT_FOUND`, `ENTRY_KIND` */
  list(directory: PxarEntry | string): AsyncGenerator<PxarEntry>;
  /** The file that a hardlink names; any other entry itself. @throws `PXAR_HARDLINK` */
  resolve(entry: PxarEntry): Promise<PxarEntry>;
  /**
   * A file, or what a hardlink names, as bytes at rest. @throws `ENTRY_NOT_FOUND`, `ENTRY_KIND`,
   * `PXAR_PAYLOAD_MISSING`, `PXAR_PAYLOAD_REF`
   */
  open(entry: PxarEntry | string): Promise<ByteSource>;
}

/**
 * Opens an archive at rest. Of it and its payload stream only what is needed is read, and all that is read is
 * checked; the rest is for `verifyPxar` to prove. The sources stay their owner's to close.
 *
 * @throws `PXAR_GOODBYE` when no goodbye table ends the archive, and as `unpackPxar`
 */
export async function openPxar(source: ByteSource, options: OpenPxarOptions = {}): Promise<PxarArchive> {
  const input = new ForwardReader(source, { name: 'the archive', chunkSize: ENTRY_CHUNK, readAhead: 0 });
  try {
    const items = new ItemReader(input);
    const header = await readHeader(items);
    await items.gatherEntry();
    const root = new EntryReader(items, { onWarning: options.onWarning, onDoubt: refuse }).readRoot();
    const place = { path: '', entryStart: 0, contentStart: input.offset, end: source.size };
    if (options.payload !== undefined) await requireStart(options.payload);
    const archive = new Archive(source, options, header, root, place);
    await archive.table(place);
    return archive;
  } finally {
    await input.close();
  }
}

async function requireStart(payload: ByteSource): Promise<void> {
  const bytes = new Uint8Array(ITEM_HEADER_SIZE);
  await payload.read(bytes, 0);
  requirePayloadStart(new DataView(bytes.buffer), 0);
}

interface Found {
  readonly entry: PxarEntry;
  /** Of a directory. */
  readonly place: DirectoryPlace | undefined;
}

class Archive implements PxarArchive {
  readonly access = 'random';
  private readonly hash = new SipHash(NAME_HASH_KEY);
  /** Those used last are at the end. */
  private readonly tables = new Map<string, GoodbyeTable>();

  constructor(
    private readonly source: ByteSource,
    private readonly options: OpenPxarOptions,
    readonly header: PxarHeader,
    readonly root: PxarEntry,
    private readonly rootPlace: DirectoryPlace,
  ) {}

  async stat(path: string): Promise<PxarEntry | undefined> {
    return (await this.find(path, () => true))?.entry;
  }

  async *list(directory: PxarEntry | string): AsyncGenerator<PxarEntry> {
    const path = typeof directory === 'string' ? directory : directory.path;
    const isWanted = ({ archiveOffset }: PxarEntry) =>
      typeof directory === 'string' || archiveOffset === directory.archiveOffset;
    const found = await this.find(path, isWanted);
    if (found === undefined) throw entryNotFound(path);
    if (found.place === undefined) throw wrongEntryKind('directory', found.entry, found.entry.archiveOffset);
    yield* this.childrenOf(found.place);
  }

  async *entries(path = ''): AsyncGenerator<PxarEntry> {
    if (path === '') {
      const { onWarning: _, ...options } = this.options; // they were given when it was opened
      yield* unpackPxar(this.source, options);
      return;
    }
    const found = await this.find(path, () => true);
    if (found === undefined) throw entryNotFound(path);
    yield this.withContent(found.entry);
    if (found.place !== undefined) yield* this.entriesIn(found.entry);
  }

  async resolve(entry: PxarEntry): Promise<PxarEntry> {
    let target = entry;
    while (target.type === 'hardlink') {
      const { linkTarget, archiveOffset } = target;
      const isWanted = (other: PxarEntry) =>
        other.archiveOffset < archiveOffset && (other.linkOffset ?? other.archiveOffset) === entry.linkOffset;
      const found = await this.find(linkTarget!, isWanted);
      if (found === undefined || found.place !== undefined) throw wrongHardlink(entry);
      target = found.entry;
    }
    if (target !== entry && target.type !== 'file') throw wrongHardlink(entry);
    return target;
  }

  async open(wanted: PxarEntry | string): Promise<ByteSource> {
    const found = typeof wanted === 'string' ? await this.stat(wanted) : wanted;
    if (found === undefined) throw entryNotFound(wanted as string);
    const entry = await this.resolve(found);
    if (entry.type !== 'file') throw wrongEntryKind('file', entry, entry.archiveOffset);
    if (entry.inPayloadStream) return this.payloadOf(entry);
    return new SliceSource(this.source, entry.contentOffset!, entry.size);
  }

  /** The goodbye table of a directory. */
  async table(place: DirectoryPlace): Promise<GoodbyeTable> {
    const key = `${place.entryStart} ${place.end} ${place.path}`;
    const table = this.tables.get(key) ?? (await GoodbyeTable.open(this.source, place));
    this.tables.delete(key);
    this.tables.set(key, table);
    if (this.tables.size > MOST_TABLES) this.tables.delete(this.tables.keys().next().value!);
    return table;
  }

  /** The first entry with this path, of those that may be wanted. */
  private async find(path: string, isWanted: (entry: PxarEntry) => boolean): Promise<Found | undefined> {
    let found: Found | undefined = { entry: this.root, place: this.rootPlace };
    if (path === '') return isWanted(this.root) ? found : undefined;
    const names = path.split('/');
    for (const [index, name] of names.entries()) {
      const isLast = index === names.length - 1;
      const { place }: Found = found;
      if (place === undefined || nameFault(name) !== undefined) return undefined;
      found = await this.findIn(place, name, (child) =>
        isLast ? isWanted(child) : child.type === 'directory',
      );
      if (found === undefined) return undefined;
    }
    return found;
  }

  private async findIn(
    place: DirectoryPlace,
    name: string,
    isWanted: (entry: PxarEntry) => boolean,
  ): Promise<Found | undefined> {
    const bytes = pathToBytes(name);
    this.hash.hash(bytes, 0, bytes.length);
    const { low, high } = this.hash;
    const table = await this.table(place);
    let others = 0;
    for await (const item of table.find({ low, high })) {
      this.options.signal?.throwIfAborted();
      const children = this.children(table, item.start, ENTRY_CHUNK);
      try {
        const found = await children.read(item);
        if (found.name !== name && ++others > MOST_NAMESAKES) {
          throw wrongTable(place, `has more than ${MOST_NAMESAKES} names with one hash`, item.start);
        }
        if (found.name === name && isWanted(found.entry)) return found;
      } finally {
        await children.close();
      }
    }
    return undefined;
  }

  /** Deep down, no deeper than an archive goes. */
  private async *entriesIn(directory: PxarEntry): AsyncGenerator<PxarEntry> {
    for await (const entry of this.list(directory)) {
      yield this.withContent(entry);
      if (entry.type === 'directory') yield* this.entriesIn(entry);
    }
  }

  /** All of a directory, which must fill it. */
  private async *childrenOf(place: DirectoryPlace): AsyncGenerator<PxarEntry> {
    const table = await this.table(place);
    const listed = await table.children();
    const children = this.children(table, place.contentStart, DIRECTORY_CHUNK);
    let end = place.contentStart;
    try {
      for (const index of listed.inOrder()) {
        this.options.signal?.throwIfAborted();
        const { low, high, start, length } = listed.at(index);
        if (start !== end) throw wrongTable(place, 'leaves something out, or has it twice', table.start);
        const found = await children.read({ low, high, start, size: length });
        end = found.end;
        yield found.entry;
      }
    } finally {
      await children.close();
    }
    if (end !== table.start) throw wrongTable(place, 'leaves something out', table.start);
  }

  private children(table: GoodbyeTable, start: number, chunkSize: number): ChildReader {
    const { onWarning, signal } = this.options;
    const firstChild = this.rootPlace.contentStart;
    return new ChildReader(this.source, table, {
      start,
      chunkSize,
      firstChild,
      onWarning,
      signal,
    });
  }

  private async payloadOf({ path, size, contentOffset, archiveOffset }: PxarEntry): Promise<ByteSource> {
    const { payload } = this.options;
    if (payload === undefined) throw payloadMissing(path, archiveOffset);
    const offset = contentOffset! - ITEM_HEADER_SIZE;
    const header = new Uint8Array(ITEM_HEADER_SIZE);
    await payload.read(header, offset);
    requirePayload(new DataView(header.buffer), 0, { offset, size, path });
    if (contentOffset! + size <= payload.size) return new SliceSource(payload, contentOffset!, size);
    throw new ArchiveError('PXAR_TRUNCATED', `the payload stream ends before ${printableName(path)} does`, {
      offset: payload.size,
      entry: path,
    });
  }

  private withContent(entry: PxarEntry): PxarEntry {
    return entry.type === 'file' ? { ...entry, content: this.contentOf(entry) } : entry;
  }

  private async *contentOf(entry: PxarEntry): AsyncGenerator<Uint8Array> {
    yield* readChunks(await this.open(entry), { signal: this.options.signal });
  }
}
