/**
 * Reads the sequences of zstd's blocks (RFC 8878, 3.1.1.3.2) over raw memory, in AssemblyScript;
 * `src/zstd/checkpoints/parser.ts` is its only caller. Literals are stepped over: what a block refers to can
 * be told without them. Around each block there is slack of 8 bytes before it and 16 behind it, which may be
 * read.
 *
 * Positions are in the content of the frame. A checkpoint is a position from which on the frame is to be
 * decompressed without what comes before; `live` has a bit for each byte of the window before it that is
 * referred to from behind it.
 */

const LITERAL_LENGTHS: i32 = 0;
const OFFSETS: i32 = 1;

/** By the names in `parser.ts`. */
const CUT_SHORT: i32 = -1;
const BAD_TABLE: i32 = -2;
const NO_TABLE: i32 = -3;
const TOO_LARGE: i32 = -4;
const BAD_OFFSET: i32 = -5;
const BAD_END: i32 = -6;
const TOO_FEW_LITERALS: i32 = -7;

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
const TABLE_SIZE: usize = 512 * 8;
const OWN_TABLES: usize = memory.data(3 * 512 * 8, 8);
const STOCK_TABLES: usize = memory.data(3 * 512 * 8, 8);
const COUNTS: usize = memory.data(64 * 2, 8);
const SYMBOLS: usize = memory.data(512, 8);
/** The tables in force: address and number of bits of the first state; 0 for none. */
const IN_FORCE: usize = memory.data(3 * 8, 8);

/**
 * What the last block had, as u32: flags; start and length of the tree's description; modes of the tables;
 * start and length of each of their descriptions; the offsets to repeat behind it. Starts count from the
 * block's.
 */
const INFO: usize = memory.data(16 * 4, 8);
const NEW_TREE: u32 = 1;
const HAS_SEQUENCES: u32 = 2;

let stockLogs: u32 = 0;
let hasTree: bool = false;
let repeat1: u32 = 1;
let repeat2: u32 = 4;
let repeat3: u32 = 8;
let position: u64 = 0;
let windowSize: u64 = 0;

const IDLE: i32 = 0;
const MARK: i32 = 1;
const RECORD: i32 = 2;
let mode: i32 = IDLE;
/** Marking. */
let live: usize = 0;
let liveFrom: u64 = 0;
let checkpoint: u64 = 0;
/** Recording: entries of u32 position behind `recordsFrom`, u32 offset, u32 length. */
const RECORD_SIZE: usize = 12;
let records: usize = 0;
let recordsEnd: usize = 0;
let recordsFrom: u64 = 0;

/** Where memory begins that is free for the caller to divide. */
export function freeMemory(): usize {
  return __heap_base;
}

export function info(): usize {
  return INFO;
}

/** Reads the description of a table that blocks may use without bringing it. @returns 0, or a fault */
export function setStockTable(kind: i32, at: usize, end: usize): i32 {
  const result = readDistribution(kind, at, end);
  if (result < 0) return BAD_TABLE;
  buildTable(kind, STOCK_TABLES + <usize>kind * TABLE_SIZE, tableLog);
  stockLogs |= tableLog << (8 * kind);
  return 0;
}

export function beginFrame(window: f64): void {
  windowSize = <u64>window;
  position = 0;
  hasTree = false;
  memory.fill(IN_FORCE, 0, 24);
  repeat1 = 1;
  repeat2 = 4;
  repeat3 = 8;
  mode = IDLE;
  storeRepeats();
}

/** A block without sequences. */
export function skip(size: u32): void {
  position += size;
}

/**
 * Marks from now on what is referred to before here. @param at memory for a bit for each byte of the window
 */
export function beginMarking(at: usize, from: f64): void {
  live = at;
  checkpoint = <u64>from;
  liveFrom = checkpoint > windowSize ? checkpoint - windowSize : 0;
  memory.fill(live, 0, <usize>((checkpoint - liveFrom) >> 6) * 8 + 16);
  mode = MARK;
}

/** Takes down from now on whatever refers to what stands before its own block. */
export function beginRecording(at: usize): void {
  records = at;
  recordsEnd = at;
  recordsFrom = position;
  mode = RECORD;
}

/** How many bytes the records take. */
export function recordsSize(): usize {
  return recordsEnd - records;
}

/** Marks what the records between two positions refer to before the checkpoint. */
export function markRecords(from: f64, to: f64): void {
  for (let at = records; at < recordsEnd; at += RECORD_SIZE) {
    const where = recordsFrom + load<u32>(at);
    if (where < <u64>from) continue;
    if (where >= <u64>to) break;
    mark(where - load<u32>(at, 4), load<u32>(at, 8));
  }
}

/**
 * For each of the positions, as u64 in ascending order, how much is referred to across it: as u64, one more
 * of them than there are positions.
 */
export function weigh(positions: usize, count: i32, weights: usize): void {
  memory.fill(weights, 0, (<usize>count + 1) * 8);
  let behind = 0; // the first position behind the one that refers
  for (let at = records; at < recordsEnd; at += RECORD_SIZE) {
    const where = recordsFrom + load<u32>(at);
    while (behind < count && load<u64>(positions + (<usize>behind << 3)) <= where) behind++;
    const first = firstAbove(positions, behind, where - load<u32>(at, 4));
    if (first == behind) continue;
    const length = <u64>load<u32>(at, 8);
    add(weights + (<usize>first << 3), length);
    add(weights + (<usize>behind << 3), 0 - length);
  }
  for (let index = 1; index < count; index++) {
    const at = weights + (<usize>index << 3);
    add(at, load<u64>(at - 8));
  }
}

/**
 * The stretches of the window that are marked, from a distance from its beginning on, as pairs of u32: where
 * each begins and where it ends. @returns how many there are, at most so many
 */
export function liveRuns(from: f64, at: usize, most: i32): i32 {
  const size = checkpoint - liveFrom;
  let end = <u64>from;
  for (let count = 0; count < most; count++) {
    const start = nextBit(end, size, 0);
    if (start == size) return count;
    end = nextBit(start, size, u64.MAX_VALUE);
    store<u32>(at, <u32>start);
    store<u32>(at, <u32>end, 4);
    at += 8;
  }
  return most;
}

/** @param flip all ones to look for a zero. @returns where the next bit is one, or the end */
function nextBit(from: u64, end: u64, flip: u64): u64 {
  let at = from;
  while (at < end) {
    const bits = (load<u64>(live + <usize>((at >> 6) << 3)) ^ flip) >> (at & 63);
    if (bits != 0) return min(end, at + ctz(bits));
    at = (at | 63) + 1;
  }
  return end;
}

/** Reads a compressed block. @param most what it may hold. @returns what it holds, or a fault */
export function readBlock(at: usize, size: u32, most: u32): i32 {
  memory.fill(INFO, 0, 40);
  const end = at + size;
  if (size < 2) return CUT_SHORT;
  const behindLiterals = readLiterals(at, end);
  if (behindLiterals < 0) return behindLiterals;
  const held = readSequences(at, at + <usize>behindLiterals, end, most);
  if (held < 0) return held;
  if (<u32>held > most) return TOO_LARGE;
  position += held;
  storeRepeats();
  return held;
}

let literalsLeft: u32 = 0;

/** @returns how long the section is, or a fault */
function readLiterals(at: usize, end: usize): i32 {
  const first = load<u8>(at);
  const format = (first >> 2) & 3;
  let header: usize;
  let stored: usize;
  if ((first & 3) < 2) {
    header = format == 1 ? 2 : format == 3 ? 3 : 1;
    const all = load<u32>(at) & ((1 << (<u32>header * 8)) - 1);
    literalsLeft = header == 1 ? all >> 3 : all >> 4;
    stored = (first & 1) == 1 ? 1 : literalsLeft;
  } else {
    const width: u64 = format < 2 ? 10 : format == 2 ? 14 : 18;
    header = format < 2 ? 3 : format == 2 ? 4 : 5;
    const all = load<u64>(at) >> 4;
    const mask = ((<u64>1) << width) - 1;
    literalsLeft = <u32>(all & mask);
    stored = <usize>((all >> width) & mask);
  }
  if (at + header + stored > end) return CUT_SHORT;
  if ((first & 3) == 2) {
    const described = <usize>load<u8>(at + header);
    const length: usize = described < 128 ? 1 + described : 1 + ((described - 126) >> 1);
    if (length > stored) return CUT_SHORT;
    hasTree = true;
    store<u32>(INFO, NEW_TREE);
    store<u32>(INFO, <u32>header, 4);
    store<u32>(INFO, <u32>length, 8);
  } else if ((first & 3) == 3 && !hasTree) {
    return NO_TABLE;
  }
  return <i32>(header + stored);
}

/** @returns what the block holds, or a fault */
function readSequences(block: usize, start: usize, end: usize, most: u32): i32 {
  let at = start;
  if (at >= end) return CUT_SHORT;
  let count: u32 = load<u8>(at++);
  if (count == 255) {
    count = <u32>load<u16>(at) + 0x7f00;
    at += 2;
  } else if (count >= 128) {
    count = ((count - 128) << 8) + load<u8>(at++);
  }
  if (count == 0) return at == end ? <i32>literalsLeft : BAD_END;
  if (at >= end) return CUT_SHORT;
  const modes = <u32>load<u8>(at++);
  if ((modes & 3) != 0) return BAD_TABLE;
  store<u32>(INFO, load<u32>(INFO) | HAS_SEQUENCES);
  store<u32>(INFO, modes, 12);
  for (let kind = 0; kind < 3; kind++) {
    const result = takeTable(kind, (modes >> (6 - 2 * kind)) & 3, at, end);
    if (result < 0) return result;
    store<u32>(INFO + (kind << 3), <u32>(at - block), 16);
    store<u32>(INFO + (kind << 3), result, 20);
    at += result;
  }
  return readAll(count, at, end, most);
}

/** Puts a table in force. @returns how long its description is, or a fault */
function takeTable(kind: i32, how: u32, at: usize, end: usize): i32 {
  const inForce = IN_FORCE + (<usize>kind << 3);
  const own = OWN_TABLES + <usize>kind * TABLE_SIZE;
  if (how == 3) return load<u32>(inForce) == 0 ? NO_TABLE : 0;
  if (how == 0) {
    store<u32>(inForce, <u32>(STOCK_TABLES + <usize>kind * TABLE_SIZE));
    store<u32>(inForce, (stockLogs >> (8 * kind)) & 255, 4);
    return 0;
  }
  store<u32>(inForce, <u32>own);
  if (how == 1) {
    if (at >= end || <i32>load<u8>(at) > lastSymbol(kind)) return BAD_TABLE;
    storeCell(own, kind, load<u8>(at), 0, 0);
    store<u32>(inForce, 0, 4);
    return 1;
  }
  const length = readDistribution(kind, at, end);
  if (length < 0) return BAD_TABLE;
  buildTable(kind, own, tableLog);
  store<u32>(inForce, tableLog, 4);
  return length;
}

/** The sequences themselves: a bit stream that is read from its end. */
function readAll(count: u32, start: usize, end: usize, most: u32): i32 {
  const last = end > start ? load<u8>(end - 1) : 0;
  if (last == 0) return CUT_SHORT;
  const literalTable = <usize>load<u32>(IN_FORCE);
  const offsetTable = <usize>load<u32>(IN_FORCE, 8);
  const matchTable = <usize>load<u32>(IN_FORCE, 16);
  const literalLog = load<u32>(IN_FORCE, 4);
  const offsetLog = load<u32>(IN_FORCE, 12);
  const matchLog = load<u32>(IN_FORCE, 20);
  let left = <i32>((end - start) << 3) - (clz(<u32>last) - 24) - 1;
  let bits = ahead(start, left);
  let literalState = take(bits, literalLog);
  bits <<= literalLog;
  let offsetState = take(bits, offsetLog);
  bits <<= offsetLog;
  let matchState = take(bits, matchLog);
  left -= literalLog + offsetLog + matchLog;
  let held: u32 = 0;
  let r1 = repeat1;
  let r2 = repeat2;
  let r3 = repeat3;
  for (;;) {
    const offsetCell = load<u64>(offsetTable + (<usize>offsetState << 3));
    const matchCell = load<u64>(matchTable + (<usize>matchState << 3));
    const literalCell = load<u64>(literalTable + (<usize>literalState << 3));
    const offsetBits = extraBits(offsetCell);
    const matchBits = extraBits(matchCell);
    const literalBits = extraBits(literalCell);
    bits = ahead(start, left);
    const value = base(offsetCell) + take(bits, offsetBits);
    bits <<= offsetBits;
    left -= offsetBits;
    if (offsetBits + matchBits + literalBits > SURE_BITS) bits = ahead(start, left);
    const match = base(matchCell) + take(bits, matchBits);
    bits <<= matchBits;
    const literals = base(literalCell) + take(bits, literalBits);
    bits <<= literalBits;
    left -= matchBits + literalBits;
    if (left < 0) return CUT_SHORT;

    let offset = value - 3;
    if (value > 3) {
      r3 = r2;
      r2 = r1;
      r1 = offset;
    } else {
      const index = value - 1 + u32(literals == 0);
      offset = index == 0 ? r1 : index == 1 ? r2 : index == 2 ? r3 : r1 - 1;
      if (index > 1) r3 = r2;
      if (index > 0) r2 = r1;
      r1 = offset;
    }

    if (literals > literalsLeft) return TOO_FEW_LITERALS;
    literalsLeft -= literals;
    held += literals;
    const where = position + held;
    if (offset == 0 || offset > min(where, windowSize)) return BAD_OFFSET;
    if (mode == MARK) mark(where - offset, match);
    else if (mode == RECORD && offset > held) record(where, offset, match);
    held += match;
    if (held > most) return TOO_LARGE;

    if (--count == 0) break;
    bits = ahead(start, left);
    literalState = next(literalCell, take(bits, nextBits(literalCell)));
    bits <<= nextBits(literalCell);
    matchState = next(matchCell, take(bits, nextBits(matchCell)));
    bits <<= nextBits(matchCell);
    offsetState = next(offsetCell, take(bits, nextBits(offsetCell)));
    left -= nextBits(literalCell) + nextBits(matchCell) + nextBits(offsetCell);
    if (left < 0) return CUT_SHORT;
  }
  if (left != 0) return BAD_END;
  repeat1 = r1;
  repeat2 = r2;
  repeat3 = r3;
  return <i32>(held + literalsLeft);
}

/** `ahead` has at least so many bits. */
const SURE_BITS: u32 = 57;

/** The bits that are read next, the first of them on top. */
// @ts-expect-error: decorator
@inline
function ahead(start: usize, left: i32): u64 {
  const end = (left + 7) >> 3;
  return load<u64>(start + end - 8) << ((end << 3) - left);
}

// @ts-expect-error: decorator
@inline
function take(bits: u64, count: u32): u32 {
  return <u32>((bits >> 1) >> (63 - count));
}

// @ts-expect-error: decorator
@inline
function next(cell: u64, bits: u32): u32 {
  return (<u32>cell & 0xffff) + bits;
}

// @ts-expect-error: decorator
@inline
function nextBits(cell: u64): u32 {
  return (<u32>cell >> 16) & 0xff;
}

// @ts-expect-error: decorator
@inline
function extraBits(cell: u64): u32 {
  return <u32>cell >> 24;
}

// @ts-expect-error: decorator
@inline
function base(cell: u64): u32 {
  return <u32>(cell >> 32);
}

/** What is referred to, as far as it stands before the checkpoint. */
function mark(source: u64, length: u32): void {
  if (source >= checkpoint) return;
  let at = source - liveFrom;
  const end = min(source + length, checkpoint) - liveFrom;
  while (at < end) {
    const word = live + <usize>((at >> 6) << 3);
    const first = at & 63;
    const count = min(64 - first, end - at);
    store<u64>(word, load<u64>(word) | ((u64.MAX_VALUE >> (64 - count)) << first));
    at += count;
  }
}

// @ts-expect-error: decorator
@inline
function record(where: u64, offset: u32, length: u32): void {
  store<u32>(recordsEnd, <u32>(where - recordsFrom));
  store<u32>(recordsEnd, offset, 4);
  store<u32>(recordsEnd, length, 8);
  recordsEnd += RECORD_SIZE;
}

function firstAbove(positions: usize, count: i32, source: u64): i32 {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (load<u64>(positions + (<usize>middle << 3)) > source) high = middle;
    else low = middle + 1;
  }
  return low;
}

// @ts-expect-error: decorator
@inline
function add(at: usize, value: u64): void {
  store<u64>(at, load<u64>(at) + value);
}

function storeRepeats(): void {
  store<u32>(INFO, repeat1, 40);
  store<u32>(INFO, repeat2, 44);
  store<u32>(INFO, repeat3, 48);
}

function lastSymbol(kind: i32): i32 {
  return kind == LITERAL_LENGTHS ? 35 : kind == OFFSETS ? 31 : 52;
}

let tableLog: u32 = 0;
let symbolCount: i32 = 0;

/** How often each symbol comes, to `COUNTS`. @returns how long the description is, or -1 */
function readDistribution(kind: i32, start: usize, end: usize): i32 {
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
function buildTable(kind: i32, table: usize, log: u32): void {
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

function storeCell(at: usize, kind: i32, code: u32, bits: u32, nextState: u32): void {
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
