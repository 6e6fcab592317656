import { printableName } from '@vzdump-format/posix';
import { ArchiveError, type ByteSource, type OnWarning, readFully } from '@vzdump-format/streams';
import {
  GOODBYE_ITEM_SIZE,
  ITEM,
  ITEM_HEADER_SIZE,
  itemTypeAt,
  NAME_HASH_KEY,
  readU64,
  type U64,
} from '../format.js';
import {
  ChildTable,
  compareHashes,
  decodeGoodbyeItem,
  type GoodbyeItem,
  isGoodbyeTail,
  SipHash,
} from '../goodbye.js';
import { EntryReader, type PxarEntry, unexpected } from './entry-reader.js';
import { ForwardReader, ItemReader } from './item-reader.js';

/** The end of a directory is read in a piece of this size, which mostly has all of its table. */
const END_SIZE = 4096;
/** Of a larger table, the first levels of its tree are kept, in so many bytes. */
const TOP_SIZE = 16 * 1024;
/** How much of a table is read at a time when all of it is. */
const BLOCK_SIZE = 2730 * GOODBYE_ITEM_SIZE;

/** A directory in an archive at rest. */
export interface DirectoryPlace {
  readonly path: string;
  /** Where its ENTRY stands; for the root, where the archive begins. */
  readonly entryStart: number;
  /** Where its first child or its GOODBYE stands. */
  readonly contentStart: number;
  /** Where its GOODBYE ends. */
  readonly end: number;
}

/** A child as the table has it. */
export interface TableItem extends U64 {
  /** Where its FILENAME stands. */
  readonly start: number;
  /** From there to its end; of a file of a split archive, perhaps with its content. */
  readonly size: number;
}

/** The goodbye table of a directory, of which only what is needed is read. */
export class GoodbyeTable {
  private constructor(
    private readonly source: ByteSource,
    readonly directory: DirectoryPlace,
    /** Where the GOODBYE stands. */
    readonly start: number,
    /** Children. */
    readonly length: number,
    /** The first items. */
    private readonly top: DataView,
  ) {}

  /** @throws `PXAR_GOODBYE` when it cannot be one */
  static async open(source: ByteSource, directory: DirectoryPlace): Promise<GoodbyeTable> {
    const { contentStart, end, entryStart } = directory;
    const wrong = (what: string) => wrongTable(directory, what, end - GOODBYE_ITEM_SIZE);
    const endSize = Math.min(END_SIZE, end - contentStart);
    if (endSize < ITEM_HEADER_SIZE + GOODBYE_ITEM_SIZE) throw wrong('has no room before its end');
    const view = await readView(source, end - endSize, endSize);
    const tail = decodeGoodbyeItem(view, endSize - GOODBYE_ITEM_SIZE);
    if (!isGoodbyeTail(tail)) throw wrong('is not to be found: no end marker ends the directory');
    const length = (tail.size - ITEM_HEADER_SIZE) / GOODBYE_ITEM_SIZE - 1;
    const start = end - tail.size;
    if (!Number.isInteger(length) || length < 0 || start < contentStart)
      throw wrong('cannot have the size that it says');
    if (start - tail.distance !== entryStart) throw wrong('does not lead back to its directory');

    const topSize = Math.min(ITEM_HEADER_SIZE + length * GOODBYE_ITEM_SIZE, TOP_SIZE);
    const isRead = tail.size <= endSize;
    const top = isRead ? part(view, endSize - tail.size, topSize) : await readView(source, start, topSize);
    if (itemTypeAt(top, 0) !== ITEM.GOODBYE || readU64(top, 8) !== tail.size) {
      throw wrongTable(directory, 'does not begin where its end says', start);
    }
    return new GoodbyeTable(source, directory, start, length, top);
  }

  /** The children whose names have this hash: as a rule, one or none. */
  async *find(hash: U64): AsyncGenerator<TableItem> {
    const positions = [0];
    for (let position = positions.pop(); position !== undefined; position = positions.pop()) {
      if (position >= this.length) continue;
      const item = await this.item(position);
      const order = compareHashes(hash, item);
      if (order === 0) yield item;
      // there may be more of them on both sides
      if (order >= 0) positions.push(2 * position + 2);
      if (order <= 0) positions.push(2 * position + 1);
    }
  }

  /** All children, by hash and place. @throws `PXAR_GOODBYE` */
  async children(): Promise<ChildTable> {
    const children = new ChildTable();
    const first = this.start + ITEM_HEADER_SIZE;
    const end = first + this.length * GOODBYE_ITEM_SIZE;
    for (let at = first; at < end; at += BLOCK_SIZE) {
      const size = Math.min(BLOCK_SIZE, end - at);
      const view = await readView(this.source, at, size);
      for (let index = 0; index < size; index += GOODBYE_ITEM_SIZE) {
        const item = this.checked(decodeGoodbyeItem(view, index), at + index);
        children.add(item.low, item.high, item.start, item.size, 0);
      }
    }
    return children;
  }

  private async item(position: number): Promise<TableItem> {
    const at = ITEM_HEADER_SIZE + position * GOODBYE_ITEM_SIZE;
    const isAtHand = at + GOODBYE_ITEM_SIZE <= this.top.byteLength;
    const view = isAtHand ? this.top : await readView(this.source, this.start + at, GOODBYE_ITEM_SIZE);
    return this.checked(decodeGoodbyeItem(view, isAtHand ? at : 0), this.start + at);
  }

  /** @throws `PXAR_GOODBYE` when it leads out of the directory */
  private checked({ low, high, distance, size }: GoodbyeItem, offset: number): TableItem {
    const start = this.start - distance;
    if (start >= this.directory.contentStart && start < this.start) return { low, high, start, size };
    throw wrongTable(this.directory, 'leads out of the directory', offset);
  }
}

export function wrongTable(
  { path }: Pick<DirectoryPlace, 'path'>,
  what: string,
  offset: number,
): ArchiveError {
  const where = path === '' ? 'the root' : printableName(path);
  return new ArchiveError('PXAR_GOODBYE', `the goodbye table of ${where} ${what}`, {
    offset,
    entry: path,
    hint: 'if it was not cut off, it can be read from beginning to end all the same',
  });
}

async function readView(source: ByteSource, offset: number, length: number): Promise<DataView> {
  const bytes = new Uint8Array(length);
  await readFully(source, bytes, offset);
  return new DataView(bytes.buffer);
}

/** A copy, so that the rest is let go of. */
function part(view: DataView, start: number, length: number): DataView {
  const from = view.byteOffset + start;
  return new DataView(view.buffer.slice(from, from + length));
}

export interface ChildReaderOptions {
  /** Where the first child to be read stands. */
  readonly start: number;
  readonly chunkSize: number;
  /** Where the root's first child stands. */
  readonly firstChild: number;
  readonly onWarning: OnWarning | undefined;
  readonly signal: AbortSignal | undefined;
}

export interface FoundChild {
  readonly name: string;
  readonly entry: PxarEntry;
  /** Where it ends. */
  readonly end: number;
  /** Of a directory. */
  readonly place: DirectoryPlace | undefined;
}

/** Reads children of a directory where its table says that they are, one behind the other. */
export class ChildReader {
  private readonly input: ForwardReader;
  private readonly items: ItemReader;
  private readonly entries: EntryReader;
  private readonly hash = new SipHash(NAME_HASH_KEY);

  constructor(
    source: ByteSource,
    private readonly table: GoodbyeTable,
    private readonly options: ChildReaderOptions,
  ) {
    const { start, chunkSize, signal, onWarning } = options;
    // of a child without content, only the next item tells that it has ended
    const end = table.start + ITEM_HEADER_SIZE;
    this.input = new ForwardReader(source, {
      name: 'the directory',
      start,
      end,
      chunkSize,
      readAhead: 0,
      signal,
    });
    this.items = new ItemReader(this.input);
    this.entries = new EntryReader(this.items, { onWarning, onDoubt: refuse });
  }

  /** @throws `PXAR_GOODBYE` when it is not what the table says */
  async read(item: TableItem): Promise<FoundChild> {
    const { input, items, table } = this;
    await input.skip(item.start - input.offset);
    await this.gather(item);
    items.take();
    if (items.type !== ITEM.FILENAME) throw unexpected(items, table.directory.path);
    const name = this.entries.name();
    this.hash.hash(input.bytes, items.contentAt, items.contentAt + items.size - 1);
    if (compareHashes(this.hash, item) !== 0) throw this.wrong(item, 'whose name has another hash');
    const entryStart = input.offset;
    const { path: directory } = table.directory;
    const path = directory === '' ? name : `${directory}/${name}`;
    const entry = this.entries.read(path, this.options.firstChild);
    const end = this.endOf(entry, item);
    if (entry.type !== 'directory') return { name, entry, end, place: undefined };
    return { name, entry, end, place: { path, entryStart, contentStart: input.offset, end } };
  }

  close(): Promise<void> {
    return this.input.close();
  }

  private async gather(item: TableItem): Promise<void> {
    try {
      await this.items.gatherEntry();
    } catch (error) {
      const isEnd = error instanceof ArchiveError && error.code === 'PXAR_TRUNCATED';
      throw isEnd ? this.wrong(item, 'which goes on behind the directory') : error;
    }
  }

  /**
   * Where an entry ends: a directory where the table says, anything else where its items do. The table must
   * agree, but for a file whose content is elsewhere, since it may or may not be counted in.
   */
  private endOf(entry: PxarEntry, item: TableItem): number {
    const { input, table } = this;
    const isDirectory = entry.type === 'directory';
    const inlineSize = entry.type === 'file' && !entry.inPayloadStream ? entry.size : 0;
    const end = isDirectory ? item.start + item.size : input.offset + inlineSize;
    const least = isDirectory ? ITEM_HEADER_SIZE + GOODBYE_ITEM_SIZE : 0;
    if (end < input.offset + least || end > table.start)
      throw this.wrong(item, 'which goes on behind the directory');
    if (!entry.inPayloadStream && end - item.start !== item.size)
      throw this.wrong(item, 'which has another size');
    return end;
  }

  private wrong({ start }: TableItem, what: string): ArchiveError {
    return wrongTable(this.table.directory, `does not fit the entry at byte ${start}, ${what}`, start);
  }
}

/** At rest, nothing is passed over. */
export function refuse(code: string, message: string, details: { offset: number; entry: string }): never {
  throw new ArchiveError(code, message, details);
}
