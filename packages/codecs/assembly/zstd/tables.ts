/** The tables of zstd's sequences (RFC 8878, 4.1), which are read from their descriptions. */

const LITERAL_LENGTHS: i32 = 0;
const OFFSETS: i32 = 1;

/** Bits behind the code for each, and what the code with no bits more stands for; offsets need no list. */
const LITERAL_BITS: usize = memory.data<u8>([
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
  16,
]);
const MATCH_BITS: usize = memory.data<u8>([
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2,
  2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
]);

const LITERAL_BASES: usize = memory.data(36 * 4, 8);
const MATCH_BASES: usize = memory.data(53 * 4, 8);
fillBases(LITERAL_BITS, LITERAL_BASES, 36, 0);
fillBases(MATCH_BITS, MATCH_BASES, 53, 3);

/**
 * Tables of cells, one for each state of 8 bytes: u16 base of the next state, u8 bits of the next state, u8
 * extra bits of the value, u32 base of the value.
 */
export const TABLE_SIZE: usize = 512 * 8;
const COUNTS: usize = memory.data(64 * 2, 8);
const SYMBOLS: usize = memory.data(512, 8);
// @ts-expect-error: decorator
@inline
export function next(cell: u64, bits: u32): u32 {
  return (<u32>cell & 0xffff) + bits;
}

// @ts-expect-error: decorator
@inline
export function nextBits(cell: u64): u32 {
  return (<u32>cell >> 16) & 0xff;
}

// @ts-expect-error: decorator
@inline
export function extraBits(cell: u64): u32 {
  return <u32>cell >> 24;
}

// @ts-expect-error: decorator
@inline
export function base(cell: u64): u32 {
  return <u32>(cell >> 32);
}

export function lastSymbol(kind: i32): i32 {
  return kind == LITERAL_LENGTHS ? 35 : kind == OFFSETS ? 31 : 52;
}

export let tableLog: u32 = 0;
let symbolCount: i32 = 0;

/** How often each symbol comes, to `COUNTS`. @returns how long the description is, or -1 */
export function readDistribution(kind: i32, start: usize, end: usize): i32 {
  const mostSymbols = lastSymbol(kind) + 1;
  let bit = start << 3;
  tableLog = peek(bit, 4) + 5;
  bit += 4;
  if (tableLog > <u32>(kind == OFFSETS ? 8 : 9)) return -1;
  symbolCount = 0;
  let left = 1 << tableLog;
  while (left > 0) {
    // One value more than there is left, of which the lower ones need a bit less.
    const width = <u32>(32 - clz(left + 1));
    const short = (<u32>1 << width) - 2 - left;
    let value = peek(bit, width - 1);
    if (value < short) {
      bit += width - 1;
    } else {
      value = peek(bit, width);
      bit += width;
      if (value >= <u32>1 << (width - 1)) value -= short;
    }
    if (symbolCount >= mostSymbols) return -1;
    storeCount(<i32>value - 1);
    left -= value == 0 ? 1 : <i32>value - 1;
    for (let more: u32 = value == 1 ? 3 : 0; more == 3; ) {
      more = peek(bit, 2);
      bit += 2;
      if (symbolCount + <i32>more > mostSymbols) return -1;
      for (let zero: u32 = 0; zero < more; zero++) storeCount(0);
    }
    if (left < 0 || bit > end << 3) return -1;
  }
  return <i32>(((bit + 7) >> 3) - start);
}

function storeCount(count: i32): void {
  store<i16>(COUNTS + (<usize>symbolCount << 1), <i16>count);
  symbolCount++;
}

function peek(bit: usize, count: u32): u32 {
  return (load<u32>(bit >> 3) >> <u32>(bit & 7)) & ((1 << count) - 1);
}

/** The cells of the distribution in `COUNTS`. */
export function buildTable(kind: i32, table: usize, log: u32): void {
  const size: u32 = 1 << log;
  let high = size;
  for (let symbol = 0; symbol < symbolCount; symbol++) {
    if (count(symbol) == -1) store<u8>(SYMBOLS + --high, <u8>symbol);
  }
  const step = (size >> 1) + (size >> 3) + 3;
  let at: u32 = 0;
  for (let symbol = 0; symbol < symbolCount; symbol++) {
    for (let left = count(symbol); left > 0; left--) {
      store<u8>(SYMBOLS + at, <u8>symbol);
      do at = (at + step) & (size - 1);
      while (at >= high);
    }
    if (count(symbol) == -1) store<i16>(COUNTS + (<usize>symbol << 1), 1);
  }
  for (let state: u32 = 0; state < size; state++) {
    const symbol = load<u8>(SYMBOLS + state);
    const seen = COUNTS + (<usize>symbol << 1);
    const next = <u32>load<u16>(seen);
    store<u16>(seen, <u16>(next + 1));
    const bits = log - (31 - clz(next));
    storeCell(table + (<usize>state << 3), kind, symbol, bits, (next << bits) - size);
  }
}

function count(symbol: i32): i32 {
  return load<i16>(COUNTS + (<usize>symbol << 1));
}

export function storeCell(at: usize, kind: i32, code: u32, bits: u32, nextState: u32): void {
  const extra = kind == OFFSETS ? code : <u32>load<u8>(bitsOf(kind) + code);
  store<u16>(at, <u16>nextState);
  store<u8>(at, <u8>bits, 2);
  store<u8>(at, <u8>extra, 3);
  store<u32>(at, baseOf(kind, code), 4);
}

function bitsOf(kind: i32): usize {
  return kind == LITERAL_LENGTHS ? LITERAL_BITS : MATCH_BITS;
}

function baseOf(kind: i32, code: u32): u32 {
  if (kind == OFFSETS) return 1 << code;
  return load<u32>((kind == LITERAL_LENGTHS ? LITERAL_BASES : MATCH_BASES) + (<usize>code << 2));
}

function fillBases(bits: usize, bases: usize, codes: usize, first: u32): void {
  let base = first;
  for (let code: usize = 0; code < codes; code++) {
    store<u32>(bases + (code << 2), base);
    base += 1 << load<u8>(bits + code);
  }
}
