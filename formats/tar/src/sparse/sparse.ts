import type { Extent } from '@vzdump-format/file-tree';
import { printableName } from '@vzdump-format/posix';
import { ArchiveError, type ByteRange, type ByteSource, readFully } from '@vzdump-format/streams';
import { BLOCK_SIZE, LENGTH, MAX_EXTENTS, OFFSET, TYPE } from '../format.js';
import { decodeNumber, isGnuHeader } from '../header/header.js';
import type { PaxSparse } from '../pax/pax-attributes.js';
import { type Cursor, type Stretch, takeWhole } from '../read/archive-reader.js';
import type { TarEntry } from '../read/member.js';

/**
 * Sparse files: a map of the stretches that hold data, and these, one behind the other. There are four forms.
 *
 * **GNU** (type `S`): four stretches in the header from 386 on, each an offset and a length of 12 bytes, the
 * first field of NULs ends the list. If the byte at 482 is not 0, a block follows with 21 more and such a
 * byte at 504, and so on. The size with holes is at 483; the header's size is that of the data.
 *
 * **Pax 0.0**: records `GNU.sparse.size` (with holes), `.numblocks`, and `.offset` and `.numbytes` by turns.
 *
 * **Pax 0.1**: `GNU.sparse.size`, `.numblocks`, `.name`, and `.map`: `offset,length,offset,length,…`.
 *
 * **Pax 1.0**: `GNU.sparse.major=1`, `.minor=0`, `.name`, `.realsize`; the map is at the beginning of the
 * content, which the header's size counts: a line with the number of stretches, and two for each, decimal;
 * then NULs up to a whole block. The last stretch is often `realsize,0`: without it GNU tar leaves a hole at
 * the end out of the file.
 *
 * The data of each stretch begins at a block for GNU tar, and right behind the one before for bsdtar; writers
 * make all but the last whole blocks, where that is the same, and others are refused here, as are stretches
 * that are not in order, overlap, go past the end, or do not come to the size of the data.
 *
 * Source: the GNU tar manual, "Storing Sparse Files".
 */

const ENTRY_SIZE = 2 * LENGTH.size;
const ENTRIES_IN_HEADER = 4;
const ENTRIES_IN_EXTENSION = 21;
const IS_EXTENDED_IN_EXTENSION = 504;
const DIGIT_0 = 0x30;
const NEWLINE = 0x0a;

/** A sparse file, as far as its map goes. */
export interface SparseFile {
  /** With holes. */
  readonly size: number;
  readonly extents: readonly Extent[];
  /** Bytes of data that follow. */
  readonly dataSize: number;
}

/** What is known of a sparse file when its header has been read. */
export interface SparseFacts {
  readonly entry: TarEntry;
  /** Its header; then what is read behind it. */
  readonly block: Cursor;
  readonly sparse: PaxSparse | undefined;
  /** Where its header stands. */
  readonly offset: number;
}

/**
 * Reads what stands of a map between a header and the data.
 * @throws `TAR_SPARSE_MAP`, `TAR_NUMBER`, `TAR_TRUNCATED`
 */
export async function readSparseMap(facts: SparseFacts): Promise<SparseFile> {
  const { entry, block, sparse } = facts;
  const isGnu = entry.storedType === TYPE.gnuSparse && isGnuHeader(block);
  if (entry.type !== 'file' || isGnu === (sparse !== undefined))
    throw sparseError('is of a form unknown', facts);
  return sparse === undefined ? readGnuSparse(facts) : readPaxSparse(sparse, facts);
}

async function readGnuSparse(facts: SparseFacts): Promise<SparseFile> {
  const { entry, block } = facts;
  const list = new ExtentList(decodeNumber(block, OFFSET.gnuRealSize, LENGTH.size), facts);
  addGnuEntries(list, block, OFFSET.gnuSparse, ENTRIES_IN_HEADER);
  let isExtended = block.bytes[block.at + OFFSET.gnuIsExtended] !== 0;
  while (isExtended) {
    await takeWhole(block, BLOCK_SIZE);
    addGnuEntries(list, block, 0, ENTRIES_IN_EXTENSION);
    isExtended = block.bytes[block.at + IS_EXTENDED_IN_EXTENSION] !== 0;
  }
  return list.finish(entry.storedSize);
}

async function readPaxSparse(sparse: PaxSparse, facts: SparseFacts): Promise<SparseFile> {
  const { major, minor, realSize } = sparse;
  const { storedSize } = facts.entry;
  if (realSize === undefined) throw sparseError('does not tell the size of the file', facts);
  const list = new ExtentList(realSize, facts);
  if (major === undefined && minor === undefined) {
    addPaxMap(list, sparse);
    return list.finish(storedSize);
  }
  if (major !== 1 || minor !== 0) throw list.error(`is of a version that is not known: ${major}.${minor}`);
  const mapSize = await readMapLines(facts.block, list, storedSize);
  return list.finish(storedSize - mapSize);
}

function addGnuEntries(list: ExtentList, block: Stretch, start: number, count: number): void {
  for (let field = start; field < start + count * ENTRY_SIZE; field += ENTRY_SIZE) {
    if (block.bytes[block.at + field + LENGTH.size] === 0) return;
    const stretchOffset = decodeNumber(block, field, LENGTH.size);
    list.add(stretchOffset, decodeNumber(block, field + LENGTH.size, LENGTH.size));
  }
}

function addPaxMap(list: ExtentList, { map = [], count }: PaxSparse): void {
  if (map.length % 2 !== 0) throw list.error('ends in the middle of a stretch');
  if (map.length / 2 !== count) throw list.error(`has ${map.length / 2} stretches, where it says ${count}`);
  for (let index = 0; index < map.length; index += 2) list.add(map[index]!, map[index + 1]!);
}

/** Reads the map of 1.0. @returns its size, in whole blocks */
async function readMapLines(block: Cursor, list: ExtentList, storedSize: number): Promise<number> {
  const lines = new MapLines(list);
  let size = 0;
  do {
    if (size >= storedSize) throw list.error('goes past the end of the content');
    await takeWhole(block, BLOCK_SIZE);
    lines.take(block);
    size += BLOCK_SIZE;
  } while (!lines.isComplete);
  return size;
}

/** The lines of a map, which blocks cut anywhere. */
class MapLines {
  isComplete = false;
  private value = 0;
  private digits = 0;
  /** Stretches to come, once the first line has told. */
  private left: number | undefined;
  /** Of the stretch whose length is the next line. */
  private offset: number | undefined;

  constructor(private readonly list: ExtentList) {}

  /** @throws `TAR_SPARSE_MAP` */
  take({ bytes, at: start }: Stretch): void {
    for (let at = start; at < start + BLOCK_SIZE && !this.isComplete; at++) {
      const digit = bytes[at]! - DIGIT_0;
      if (digit >= 0 && digit <= 9) {
        this.value = this.value * 10 + digit;
        this.digits++;
      } else if (bytes[at] === NEWLINE && this.digits > 0 && Number.isSafeInteger(this.value)) {
        this.endLine(this.value);
      } else {
        throw this.list.error('is not lines of decimal numbers');
      }
    }
  }

  private endLine(value: number): void {
    this.value = 0;
    this.digits = 0;
    if (this.left === undefined) {
      this.left = value;
    } else if (this.offset === undefined) {
      this.offset = value;
    } else {
      this.list.add(this.offset, value);
      this.offset = undefined;
      this.left--;
    }
    this.isComplete = this.left === 0;
  }
}

/** The stretches of one file, checked as they come. */
class ExtentList {
  private readonly extents: { readonly offset: number; length: number }[] = [];
  /** Bytes in them. */
  private dataSize = 0;
  private end = 0;
  private count = 0;

  /** @param size of the file, with holes */
  constructor(
    private readonly size: number,
    private readonly facts: SparseFacts,
  ) {
    if (size < 0) throw this.error('is of a file with a negative size');
  }

  /** @throws `TAR_SPARSE_MAP` */
  add(offset: number, length: number): void {
    if (++this.count > MAX_EXTENTS) throw this.error(`has more than ${MAX_EXTENTS} stretches`);
    if (offset < this.end || length < 0) throw this.error('is not in order, or overlaps');
    if (offset + length > this.size) throw this.error('goes past the end of the file');
    this.end = offset + length;
    if (length === 0) return;
    if (this.dataSize % BLOCK_SIZE !== 0)
      throw this.error('has a stretch in its midst that is not whole blocks');
    this.dataSize += length;
    const last = this.extents.at(-1);
    if (last !== undefined && last.offset + last.length === offset) last.length += length;
    else this.extents.push({ offset, length });
  }

  /**
   * @param dataSize bytes of data that the archive holds. @throws `TAR_SPARSE_MAP` when it is another number
   */
  finish(dataSize: number): SparseFile {
    if (this.dataSize !== dataSize) {
      throw this.error(`tells of ${this.dataSize} bytes of data, where ${dataSize} are stored`);
    }
    return { size: this.size, extents: this.extents, dataSize };
  }

  error(what: string): ArchiveError {
    return sparseError(what, this.facts);
  }
}

function sparseError(what: string, { entry, offset }: SparseFacts): ArchiveError {
  const { path } = entry;
  return new ArchiveError('TAR_SPARSE_MAP', `the map of the sparse file ${printableName(path)} ${what}`, {
    offset,
    entry: path,
  });
}

/** A sparse file as it was, from the data of its extents, one behind the other. */
export class SparseSource implements ByteSource {
  /** Where in the stored data each extent begins. */
  private readonly starts: Float64Array;

  constructor(
    private readonly stored: ByteSource,
    private readonly extents: readonly Extent[],
    readonly size: number,
  ) {
    this.starts = new Float64Array(extents.length);
    for (let index = 1; index < extents.length; index++) {
      this.starts[index] = this.starts[index - 1]! + extents[index - 1]!.length;
    }
  }

  async read(buffer: Uint8Array, offset: number): Promise<number> {
    const length = Math.max(0, Math.min(buffer.length, this.size - offset));
    const end = offset + length;
    let at = offset;
    for (let index = this.extentAfter(offset); at < end; index++) {
      const extent = this.extents[index] ?? { offset: end, length: 0 };
      const dataStart = Math.max(at, Math.min(extent.offset, end));
      buffer.fill(0, at - offset, dataStart - offset);
      const dataEnd = Math.max(dataStart, Math.min(extent.offset + extent.length, end));
      const part = buffer.subarray(dataStart - offset, dataEnd - offset);
      if (part.length > 0)
        await readFully(this.stored, part, this.starts[index]! + dataStart - extent.offset);
      at = dataEnd;
    }
    return length;
  }

  async nextData(offset: number): Promise<ByteRange | undefined> {
    const extent = this.extents[this.extentAfter(offset)];
    if (extent === undefined) return undefined;
    return { start: Math.max(offset, extent.offset), end: extent.offset + extent.length };
  }

  async close(): Promise<void> {}

  /** The first extent that ends behind `offset`. */
  private extentAfter(offset: number): number {
    let low = 0;
    let high = this.extents.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const { offset: start, length } = this.extents[middle]!;
      if (start + length <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
