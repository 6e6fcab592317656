import { printableName } from '@vzdump-format/posix';
import { ArchiveError, type ByteSource, readFully } from '@vzdump-format/streams';
import { GOODBYE_ITEM_SIZE, ITEM, ITEM_HEADER_SIZE, itemTypeAt, readU64, type U64 } from '../format.js';
import { ChildTable, compareHashes, decodeGoodbyeItem, type GoodbyeItem, isGoodbyeTail } from './goodbye.js';

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
