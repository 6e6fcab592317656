import { BackwardBits, damaged } from './bits.js';
import { fseTable, highestBit, readDistribution, readInTurns } from './fse.js';

/** For each value of the next `log` bits: the symbol that they begin with, and how many of them it is. */
export interface HuffmanTable {
  readonly log: number;
  readonly symbols: Uint8Array;
  readonly bits: Uint8Array;
}

const MAX_LOG = 11;
const WEIGHTS = { maxLog: 6, maxSymbol: 12 };
const MAX_WEIGHTS = 255;

/** The description of a tree, and where it ends. @throws LibraryError */
export function readHuffmanTable(
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
export function readHuffman(
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
