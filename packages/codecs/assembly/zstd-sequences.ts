/**
 * Reads the sequences of zstd's blocks (RFC 8878, 3.1.1.3.2) over raw memory, in AssemblyScript;
 * `src/zstd/checkpoints/parser.ts` is its only caller. Literals are stepped over: what a block refers to can
 * be told without them. Around each block there is slack of 8 bytes before it and 16 behind it, which may be
 * read.
 */

import {
  advance,
  beginReferences,
  MARK,
  mark,
  mode,
  position,
  RECORD,
  record,
  windowSize,
} from './zstd/references';
import {
  base,
  buildTable,
  extraBits,
  lastSymbol,
  next,
  nextBits,
  readDistribution,
  storeCell,
  TABLE_SIZE,
  tableLog,
} from './zstd/tables';

export {
  beginMarking,
  beginRecording,
  liveRuns,
  markRecords,
  recordsSize,
  weigh,
} from './zstd/references';

/** By the names in `parser.ts`. */
const CUT_SHORT: i32 = -1;
const BAD_TABLE: i32 = -2;
const NO_TABLE: i32 = -3;
const TOO_LARGE: i32 = -4;
const BAD_OFFSET: i32 = -5;
const BAD_END: i32 = -6;
const TOO_FEW_LITERALS: i32 = -7;

const OWN_TABLES: usize = memory.data(3 * 512 * 8, 8);
const STOCK_TABLES: usize = memory.data(3 * 512 * 8, 8);
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
  beginReferences(<u64>window);
  hasTree = false;
  memory.fill(IN_FORCE, 0, 24);
  repeat1 = 1;
  repeat2 = 4;
  repeat3 = 8;
  storeRepeats();
}

/** A block without sequences. */
export function skip(size: u32): void {
  advance(size);
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
  advance(held);
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

function storeRepeats(): void {
  store<u32>(INFO, repeat1, 40);
  store<u32>(INFO, repeat2, 44);
  store<u32>(INFO, repeat3, 48);
}
