import type { Extent, FileEntry } from '@vzdump-format/file-tree';
import { printableName } from '@vzdump-format/posix';
import { ArchiveError, type Items, zeroChunks } from '@vzdump-format/streams';
import { BLOCK_SIZE, LENGTH, MAX_EXTENTS, OFFSET, TYPE, wholeBlocks } from './format.js';
import { decodeNumber, isGnuHeader } from './header/header.js';
import type { PaxSparse } from './pax/pax-attributes.js';
import { type Cursor, type Stretch, takeWhole } from './read/archive-reader.js';
import type { TarEntry } from './read/member.js';

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

/** How a sparse file is stored in the form of pax 1.0. */
export interface SparseLayout {
  /** The map, in whole blocks. */
  readonly map: Buffer;
  /** Bytes of data behind the map. */
  readonly dataSize: number;
  /**
   * For each extent of the entry, zeros that are stored behind it: what it takes to make stretches whole
   * blocks.
   */
  readonly zeros: readonly number[];
}

/**
 * The layout of a file with holes; undefined for one without.
 * @throws `TAR_SPARSE_MAP` for extents that are not in order, overlap or go past the end
 */
export function sparseLayoutOf(entry: FileEntry): SparseLayout | undefined {
  const { type, extents, size } = entry;
  if (type !== 'file' || extents === undefined || size === 0) return undefined;
  requireInOrder(entry, extents);
  if (extents.length === 1 && extents[0]!.length === size) return undefined;
  const { stretches, zeros } = wholeStretches(extents);
  const dataSize = stretches.reduce((sum, { length }) => sum + length, 0);
  return { map: encodeMap(stretches, size), dataSize, zeros };
}

function requireInOrder(entry: FileEntry, extents: readonly Extent[]): void {
  let end = 0;
  for (const { offset, length } of extents) {
    const isSound =
      Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= end && length > 0;
    if (!isSound || offset + length > entry.size) {
      throw extentsError(entry, 'are not in order, or not inside of it');
    }
    end = offset + length;
  }
  if (extents.length >= MAX_EXTENTS) throw extentsError(entry, `are more than ${MAX_EXTENTS}`);
}

function extentsError({ path }: FileEntry, what: string): ArchiveError {
  return new ArchiveError('TAR_SPARSE_MAP', `the extents of ${printableName(path)} ${what}`, { entry: path });
}

/**
 * Extents as stretches of whole blocks, but for the last: zeros fill up, and fill the gap to one that is
 * nearer than a block.
 */
function wholeStretches(extents: readonly Extent[]): { stretches: Extent[]; zeros: number[] } {
  const stretches: { readonly offset: number; length: number }[] = [];
  const zeros: number[] = [];
  for (const [index, { offset, length }] of extents.entries()) {
    const last = stretches.at(-1);
    const continues = last !== undefined && last.offset + last.length === offset;
    const stretch = continues ? last : { offset, length: 0 };
    if (!continues) stretches.push(stretch);
    stretch.length += length;
    const hole = (extents[index + 1]?.offset ?? offset + length) - offset - length;
    const fill = Math.min(hole, wholeBlocks(stretch.length) - stretch.length);
    stretch.length += fill;
    zeros.push(fill);
  }
  return { stretches, zeros };
}

/** With the stretch of no bytes at the end, which tells GNU tar to make the file as long as it is. */
function encodeMap(stretches: readonly Extent[], size: number): Buffer {
  const lines = [stretches.length + 1];
  for (const { offset, length } of stretches) lines.push(offset, length);
  lines.push(size, 0);
  const text = `${lines.join('\n')}\n`;
  const map = Buffer.alloc(wholeBlocks(text.length));
  map.write(text, 'latin1');
  return map;
}

/** The content of the extents with the zeros of a layout between. */
export async function* withZeros(
  content: Items<Uint8Array>,
  extents: readonly Extent[],
  { zeros }: SparseLayout,
): AsyncGenerator<Uint8Array> {
  let index = 0;
  let left = extents[0]?.length ?? 0;
  for await (const chunk of content) {
    let at = 0;
    while (at < chunk.length) {
      if (index === extents.length) {
        yield chunk.subarray(at); // more than there should be: whoever counts the bytes will tell
        break;
      }
      const part = chunk.subarray(at, at + left);
      yield part;
      at += part.length;
      left -= part.length;
      if (left > 0) continue;
      yield* zeroChunks(zeros[index]!);
      index++;
      left = extents[index]?.length ?? 0;
    }
  }
}
