import { MAX_BLOCK_SIZE } from '../format.js';
import { BackwardBits, damaged } from './bits.js';
import { fseTable, highestBit, readDistribution, readInTurns } from './fse.js';

const RAW = 0;
const RUN = 1;
const COMPRESSED = 2;
const TREELESS = 3;

/** The literals of one block after the other; a tree serves until there is another. */
export class LiteralsReader {
  readonly bytes = new Uint8Array(MAX_BLOCK_SIZE);
  /** How many the last block has. */
  length = 0;
  private tree: HuffmanTable | undefined;

  /** Reads the section that begins a block. @returns where it ends @throws LibraryError */
  read(block: Uint8Array, start: number, limit: number): number {
    const type = block[start]! & 3;
    const { at, regenerated, stored, streams } = literalsHeader(block, start);
    const end = at + stored;
    if (end > limit || regenerated > this.bytes.length) throw damaged('the literals do not fit');
    this.length = regenerated;
    if (type === RAW) this.bytes.set(block.subarray(at, end));
    else if (type === RUN) this.bytes.fill(block[at]!, 0, regenerated);
    else this.decode(block, this.readTree(type, block, at, end), end, streams);
    return end;
  }

  /** Takes the tree of a dictionary. @returns where its description ends @throws LibraryError */
  load(dictionary: Uint8Array, start: number): number {
    return this.readTree(COMPRESSED, dictionary, start, dictionary.length);
  }

  reset(): void {
    this.tree = undefined;
  }

  private readTree(type: number, block: Uint8Array, start: number, limit: number): number {
    if (type === TREELESS) return start;
    const { table, end } = readHuffmanTable(block, start, limit);
    this.tree = table;
    return end;
  }

  private decode(block: Uint8Array, start: number, end: number, streams: 1 | 4): void {
    const { bytes, length, tree } = this;
    if (tree === undefined) throw damaged('there is no tree');
    const part = streams === 1 ? length : Math.ceil(length / 4);
    let from = streams === 1 ? start : start + 6; // behind the sizes of the first three
    if (part * (streams - 1) > length) throw damaged('the literals are too few');
    for (let stream = 0; stream < streams; stream++) {
      const isLast = stream === streams - 1;
      const place = start + stream * 2;
      const to = isLast ? end : from + (block[place]! | (block[place + 1]! << 8));
      if (to > end) throw damaged('the literals are cut short');
      const upTo = isLast ? length : part * (stream + 1);
      readHuffman(new BackwardBits(block, from, to), tree, bytes, part * stream, upTo);
      from = to;
    }
  }
}

interface LiteralsHeader {
  readonly at: number;
  readonly regenerated: number;
  readonly stored: number;
  readonly streams: 1 | 4;
}

/** What stands before the literals: where they begin, how many they are, and how many bytes they take. */
export function literalsHeader(block: Uint8Array, start: number): LiteralsHeader {
  const type = block[start]! & 3;
  return type === RAW || type === RUN ? plainHeader(block, start) : packedHeader(block, start);
}

function plainHeader(block: Uint8Array, start: number): LiteralsHeader {
  const first = block[start]!;
  const isRun = (first & 3) === RUN;
  const size = [1, 2, 1, 3][(first >> 2) & 3]!;
  const all = (first | (block[start + 1]! << 8) | (block[start + 2]! << 16)) & (2 ** (8 * size) - 1);
  const regenerated = all >> (size === 1 ? 3 : 4);
  return { at: start + size, regenerated, stored: isRun ? 1 : regenerated, streams: 1 };
}

function packedHeader(block: Uint8Array, start: number): LiteralsHeader {
  const format = (block[start]! >> 2) & 3;
  const width = [10, 10, 14, 18][format]!;
  const size = [3, 3, 4, 5][format]!;
  let all = 0;
  for (let at = size - 1; at >= 0; at--) all = all * 256 + (block[start + at] ?? 0);
  const sizes = Math.floor(all / 16);
  return {
    at: start + size,
    regenerated: sizes % 2 ** width,
    stored: Math.floor(sizes / 2 ** width),
    streams: format === 0 ? 1 : 4,
  };
}

/** For each value of the next `log` bits: the symbol that they begin with, and how many of them it is. */
interface HuffmanTable {
  readonly log: number;
  readonly symbols: Uint8Array;
  readonly bits: Uint8Array;
}

const MAX_LOG = 11;
const WEIGHTS = { maxLog: 6, maxSymbol: 12 };
const MAX_WEIGHTS = 255;

/** The description of a tree, and where it ends. @throws LibraryError */
function readHuffmanTable(
  bytes: Uint8Array,
  start: number,
  limit: number,
): { readonly table: HuffmanTable; readonly end: number } {
  const head = bytes[start]!;
  const first = start + 1;
  const end = first + (head < 128 ? head : (head - 126) >> 1);
  if (start >= limit || end > limit) throw damaged('a tree is cut short');
  const weights = head < 128 ? packedWeights(bytes, first, end) : plainWeights(bytes, first, head - 127);
  return { table: tableOfWeights(weights), end };
}

function plainWeights(bytes: Uint8Array, start: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => {
    const byte = bytes[start + (index >> 1)]!;
    return index % 2 === 0 ? byte >> 4 : byte & 15;
  });
}

function packedWeights(bytes: Uint8Array, start: number, end: number): number[] {
  const distribution = readDistribution(bytes, start, end, WEIGHTS);
  return readInTurns(new BackwardBits(bytes, distribution.end, end), fseTable(distribution), MAX_WEIGHTS);
}

/** The weight of the last symbol is what is missing to a power of two. */
function tableOfWeights(known: readonly number[]): HuffmanTable {
  const sum = known.reduce((total, weight) => total + ((1 << weight) >> 1), 0);
  const log = sum === 0 ? 0 : highestBit(sum) + 1;
  const rest = (1 << log) - sum;
  if (log === 0 || log > MAX_LOG || (rest & (rest - 1)) !== 0) throw damaged('a tree is not one');
  const weights = [...known, highestBit(rest) + 1];
  const symbols = new Uint8Array(1 << log);
  const bits = new Uint8Array(1 << log);
  let at = 0;
  for (let weight = 1; weight <= log; weight++) {
    for (const [symbol, own] of weights.entries()) {
      if (own !== weight) continue;
      const end = at + (1 << (weight - 1));
      symbols.fill(symbol, at, end);
      bits.fill(log + 1 - weight, at, end);
      at = end;
    }
  }
  return { log, symbols, bits };
}

/**
 * Reads a stream to its end, which fills `output` from `from` to `to`.
 * @throws LibraryError when it does not
 */
function readHuffman(
  stream: BackwardBits,
  { log, symbols, bits }: HuffmanTable,
  output: Uint8Array,
  from: number,
  to: number,
): void {
  for (let at = from; at < to; at++) {
    const index = stream.peek(log);
    output[at] = symbols[index]!;
    stream.left -= bits[index]!;
  }
  stream.expectEnd();
}
