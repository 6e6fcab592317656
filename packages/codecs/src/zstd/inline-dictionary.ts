import { allZero } from '@vzdump-format/streams';
import type { EngineResult, FramePiece } from './engine.js';
import { LibraryError } from './errors.js';
import {
  BLOCK_HEADER_SIZE,
  decodeBlockHeader,
  decodeFrameHeader,
  FRAME_MAGIC,
  headerRestSize,
  MAGIC_SIZE,
  MAX_BLOCK_SIZE,
} from './format.js';
import { readDistribution } from './plain/fse.js';
import { literalsHeader } from './plain/literals.js';
import { DICTIONARY_ORDER, readCount, TABLE_LIMITS } from './plain/sequences.js';

/**
 * A frame and the dictionary that it begins with (RFC 8878, 5), made into one frame, for libraries that take
 * no dictionaries. Its content begins with what is to be dropped:
 *
 *     runs of zeros, as many as the largest offset that can be repeated
 *     three blocks with a sequence each, which repeats three bytes from such an offset
 *     the content of the dictionary, in blocks as they are, or runs of zeros
 *     the blocks of the frame, of which those that use the dictionary's tables first have them in themselves
 */
export interface InlinedFrame {
  readonly frame: Buffer;
  /** How much of the content was not the frame's. */
  readonly prefixSize: number;
}

/** What a frame begins with. */
export interface Inherited {
  readonly tree: Uint8Array;
  /** Of literal lengths, offsets and match lengths. */
  readonly tables: readonly InheritedTable[];
  readonly repeats: readonly number[];
  readonly content: Uint8Array;
}

export interface InheritedTable {
  readonly mode: typeof ONE_CODE | typeof DESCRIBED;
  /** A code, or the description of a table. */
  readonly description: Uint8Array;
}

/** Modes of tables. */
export const ONE_CODE = 1;
export const DESCRIBED = 2;
const REPEATED = 3;
/** Types of blocks, and of literals. */
const RAW = 0;
const RUN = 1;
const COMPRESSED = 2;
const TREELESS = 3;

const DICTIONARY_START = 8;

/**
 * Decompresses a whole frame that has a dictionary without it. @param decode knows whole frames
 * @returns undefined where a block would become too large with its tables in it
 */
export async function decodeInlined(
  { buffer, length, dictionary, output: { length: room } }: FramePiece,
  decode: (frame: Buffer) => Promise<Uint8Array>,
): Promise<EngineResult | undefined> {
  const inlined = inlineState(buffer.subarray(0, length), readDictionary(dictionary!));
  if (inlined === undefined) return undefined;
  const content = (await decode(inlined.frame)).subarray(inlined.prefixSize);
  if (content.length > room) throw new LibraryError('there is more data than the header says');
  return { output: content, length: content.length };
}

/** @throws LibraryError */
export function readDictionary(dictionary: Uint8Array): Inherited {
  const treeEnd = DICTIONARY_START + treeSize(dictionary[DICTIONARY_START] ?? 0);
  const tables: InheritedTable[] = [];
  let at = treeEnd;
  for (const kind of DICTIONARY_ORDER) {
    const { end } = readDistribution(dictionary, at, dictionary.length, TABLE_LIMITS[kind]!);
    tables[kind] = { mode: DESCRIBED, description: dictionary.subarray(at, end) };
    at = end;
  }
  if (at + 12 > dictionary.length) throw new LibraryError('a dictionary is cut short');
  const view = new DataView(dictionary.buffer, dictionary.byteOffset + at, 12);
  return {
    tree: dictionary.subarray(DICTIONARY_START, treeEnd),
    tables,
    repeats: [0, 4, 8].map((place) => view.getUint32(place, true)),
    content: dictionary.subarray(at + 12),
  };
}

/**
 * @param frame with a content size of eight bytes, and without a checksum
 * @returns undefined where a block would become too large with its tables in it @throws LibraryError
 */
export function inlineState(frame: Uint8Array, inherited: Inherited): InlinedFrame | undefined {
  const descriptor = frame[MAGIC_SIZE]!;
  const start = MAGIC_SIZE + 1 + headerRestSize(descriptor);
  const { windowSize, contentSize } = decodeFrameHeader(descriptor, frame.subarray(MAGIC_SIZE + 1, start));
  const most = Math.min(MAX_BLOCK_SIZE, windowSize);
  const blocks = new TableInserter(inherited, most).blocks(frame, start);
  if (blocks === undefined) return undefined;
  const { repeats, content } = inherited;
  const reach = Math.max(...repeats);
  const prefixSize = reach + 3 * repeats.length + content.length;
  const header = Buffer.alloc(start);
  header.writeUInt32LE(FRAME_MAGIC);
  header.set(frame.subarray(MAGIC_SIZE, MAGIC_SIZE + 2), MAGIC_SIZE);
  header.writeBigUInt64LE(BigInt(prefixSize + contentSize!), start - 8);
  const zeros = Buffer.alloc(most);
  const runs = Array.from({ length: Math.ceil(reach / most) }, (_, index) => {
    return plainBlock(zeros.subarray(0, Math.min(most, reach - index * most)));
  });
  const window = Array.from({ length: Math.ceil(content.length / most) }, (_, index) => {
    return plainBlock(content.subarray(index * most, (index + 1) * most));
  });
  const frameOfAll = Buffer.concat([header, ...runs.flat(), ...repeats.toReversed().map(repeatBlock)]);
  return { frame: Buffer.concat([frameOfAll, ...window.flat(), ...blocks]), prefixSize };
}

/** A block of bytes as they are, or a run of zeros. */
function plainBlock(bytes: Uint8Array): Uint8Array[] {
  if (allZero(bytes)) return [blockHeader(RUN, bytes.length), Buffer.alloc(1)];
  return [blockHeader(RAW, bytes.length), bytes];
}

/** A block that repeats three bytes, so that the next sequence can repeat the offset. */
function repeatBlock(offset: number): Buffer {
  const value = offset + 3;
  const code = Math.floor(Math.log2(value));
  const bits = Buffer.alloc(Math.floor(code / 8) + 1); // the top bit of the value begins the stream
  bits.writeUIntLE(value, 0, bits.length);
  const body = Buffer.concat([Buffer.from([0, 1, 0x54, 0, code, 0]), bits]);
  return Buffer.concat([blockHeader(COMPRESSED, body.length), body]);
}

function blockHeader(type: number, size: number): Buffer {
  const header = Buffer.alloc(BLOCK_HEADER_SIZE);
  header.writeUIntLE((size << 3) | (type << 1), 0, BLOCK_HEADER_SIZE);
  return header;
}

function treeSize(first: number): number {
  return 1 + (first < 128 ? first : (first - 126) >> 1);
}

/** Puts tables into the first blocks that use them. */
class TableInserter {
  private needsTree = true;
  private needsTables = true;

  constructor(
    private readonly inherited: Inherited,
    private readonly most: number,
  ) {}

  blocks(frame: Uint8Array, start: number): Uint8Array[] | undefined {
    const blocks: Uint8Array[] = [];
    let at = start;
    while ((this.needsTree || this.needsTables) && at < frame.length) {
      const { storedSize, last } = decodeBlockHeader(frame, at);
      const end = at + BLOCK_HEADER_SIZE + (storedSize ?? Number.POSITIVE_INFINITY);
      if (end > frame.length) throw new LibraryError('a block is cut short');
      const isCompressed = ((frame[at]! >> 1) & 3) === COMPRESSED;
      if (isCompressed) {
        const body = this.withTables(frame.subarray(at + BLOCK_HEADER_SIZE, end));
        if (body === undefined || body.length > this.most) return undefined;
        const header = blockHeader(COMPRESSED, body.length);
        header[0]! |= Number(last);
        blocks.push(header, body);
      } else {
        blocks.push(frame.subarray(at, end));
      }
      at = end;
    }
    blocks.push(frame.subarray(at));
    return blocks;
  }

  private withTables(block: Uint8Array): Buffer | undefined {
    const { at, stored } = literalsHeader(block, 0);
    const end = at + stored;
    if (end > block.length) throw new LibraryError('the literals do not fit');
    const literals = this.literals(block.subarray(0, end));
    return literals && Buffer.concat([literals, ...this.sequences(block.subarray(end))]);
  }

  private literals(section: Uint8Array): Uint8Array | undefined {
    const type = section[0]! & 3;
    if (!this.needsTree || type < COMPRESSED) return section;
    this.needsTree = false;
    if (type !== TREELESS) return section;
    const { at, regenerated, streams } = literalsHeader(section, 0);
    const { tree } = this.inherited;
    const stored = section.length - at + tree.length;
    const largest = Math.max(regenerated, stored);
    const format = streams === 1 ? 0 : largest < 2 ** 10 ? 1 : largest < 2 ** 14 ? 2 : 3;
    const width = [10, 10, 14, 18][format]!;
    if (largest >= 2 ** width) return undefined; // one stream has sizes of ten bits
    const start = Buffer.alloc([3, 3, 4, 5][format]!);
    const value = COMPRESSED + format * 4 + regenerated * 16 + stored * 2 ** (4 + width);
    start.writeUIntLE(value, 0, start.length);
    return Buffer.concat([start, tree, section.subarray(at)]);
  }

  private sequences(section: Uint8Array): Uint8Array[] {
    const { count, at: modesAt } = readCount(section, 0);
    const modes = section[modesAt];
    if (!this.needsTables || count === 0 || modes === undefined) return [section];
    this.needsTables = false;
    let newModes = 0;
    let at = modesAt + 1;
    const descriptions = this.inherited.tables.map(({ mode, description }, kind) => {
      const shift = 6 - 2 * kind;
      const own = (modes >> shift) & 3;
      newModes |= (own === REPEATED ? mode : own) << shift;
      if (own === REPEATED) return description;
      const from = at;
      if (own === ONE_CODE) at++;
      if (own === DESCRIBED) at = readDistribution(section, at, section.length, TABLE_LIMITS[kind]!).end;
      return section.subarray(from, at);
    });
    return [section.subarray(0, modesAt), Buffer.of(newModes), ...descriptions, section.subarray(at)];
  }
}
