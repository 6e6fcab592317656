import { type BackwardBits, damaged } from './bits.js';

/**
 * A table of Finite State Entropy: for each state its symbol, and how the next state comes of so many bits.
 */
export interface FseTable {
  /** How many bits the first state has. */
  readonly log: number;
  readonly symbols: Uint8Array;
  readonly bits: Uint8Array;
  readonly bases: Uint16Array;
}

/** How often each symbol comes, of 2^log; -1 stands for less than once. */
export interface Distribution {
  readonly log: number;
  readonly counts: readonly number[];
}

export function fseTable({ log, counts }: Distribution): FseTable {
  const size = 1 << log;
  const symbols = new Uint8Array(size);
  const seen = counts.map(Math.abs);
  let high = size;
  for (const [symbol, count] of counts.entries()) if (count < 0) symbols[--high] = symbol;
  const step = (size >> 1) + (size >> 3) + 3;
  let position = 0;
  for (const [symbol, count] of counts.entries()) {
    for (let left = count; left > 0; left--) {
      symbols[position] = symbol;
      do position = (position + step) & (size - 1);
      while (position >= high);
    }
  }
  const bits = new Uint8Array(size);
  const bases = new Uint16Array(size);
  for (let state = 0; state < size; state++) {
    const symbol = symbols[state]!;
    const next = seen[symbol]!;
    seen[symbol] = next + 1;
    bits[state] = log - highestBit(next);
    bases[state] = (next << bits[state]!) - size;
  }
  return { log, symbols, bits, bases };
}

/** The table for one symbol, which takes no bits. */
export function tableOfOne(symbol: number): FseTable {
  return {
    ...{ log: 0, symbols: Uint8Array.of(symbol) },
    ...{ bits: new Uint8Array(1), bases: new Uint16Array(1) },
  };
}

/** A distribution as it is written, and where it ends. @throws LibraryError */
export function readDistribution(
  bytes: Uint8Array,
  start: number,
  end: number,
  { maxLog, maxSymbol }: { readonly maxLog: number; readonly maxSymbol: number },
): Distribution & { readonly end: number } {
  let bit = start * 8;
  const peek = (count: number) => {
    const at = bit >> 3;
    const word = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16);
    return (word >>> (bit & 7)) & ((1 << count) - 1);
  };
  const read = (count: number) => {
    const value = peek(count);
    bit += count;
    return value;
  };
  const log = read(4) + 5;
  if (log > maxLog) throw damaged('a table is too large');
  const counts: number[] = [];
  for (let left = 1 << log; left > 0; ) {
    // One value more than there is left, of which the lower ones need a bit less.
    const width = highestBit(left + 1) + 1;
    const short = (1 << width) - 2 - left;
    const isShort = peek(width - 1) < short;
    const bits = read(isShort ? width - 1 : width);
    const value = bits >= 1 << (width - 1) ? bits - short : bits;
    counts.push(value - 1);
    left -= Math.abs(value - 1);
    for (let more = value === 1 ? 3 : 0; more === 3; ) {
      more = read(2);
      for (let count = 0; count < more; count++) counts.push(0);
      if (counts.length > maxSymbol + 4) break;
    }
    if (left < 0 || counts.length > maxSymbol + 1 || bit > end * 8) throw damaged('a table is damaged');
  }
  return { log, counts, end: (bit + 7) >> 3 };
}

/**
 * The symbols of a bit stream that two states take turns on, to its end: at most so many.
 * @throws LibraryError
 */
export function readInTurns(bits: BackwardBits, table: FseTable, most: number): number[] {
  const { symbols, bits: widths, bases, log } = table;
  const states = [bits.read(log), bits.read(log)];
  const read: number[] = [];
  for (let turn = 0; bits.left >= 0; turn = 1 - turn) {
    const state = states[turn]!;
    read.push(symbols[state]!);
    if (read.length >= most) throw damaged('there are too many weights');
    states[turn] = bases[state]! + bits.read(widths[state]!);
    if (bits.left < 0) read.push(symbols[states[1 - turn]!]!); // the other one's last
  }
  return read;
}

/** Of a number above zero. */
export function highestBit(value: number): number {
  return 31 - Math.clz32(value);
}
