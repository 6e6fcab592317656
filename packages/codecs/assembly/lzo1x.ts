/**
 * LZO1X-1 and Adler-32 over raw memory, in AssemblyScript; `src/lzo/lzo1x.ts` is its only caller. Behind each
 * buffer there is slack of at least 16 bytes, which copies may read and write.
 *
 * A block of LZO1X is a row of instructions; each copies from the output (a match), from the input
 * (literals), or both. `state` is the number of literals that the last one copied, 4 for more than three:
 *
 *     0000LLLL (state 0)         3 + L literals; state 4
 *     0000DDSS H (state 1–3)     match of 2, distance (H << 2) + D + 1
 *     0000DDSS H (state 4)       match of 3, distance (H << 2) + D + 2049
 *     0001HLLL LE16              match of 2 + L, distance 16384 + (H << 14) + (v >> 2); 16384 is the end
 *     001LLLLL LE16              match of 2 + L, distance (v >> 2) + 1
 *     01LDDDSS H                 match of 3 + L, distance (H << 3) + D + 1
 *     1LLDDDSS H                 match of 5 + L, distance (H << 3) + D + 1
 *
 * A length field of zero is followed, before anything else, by its extension: 255 for each zero byte and the
 * first byte that is not zero, beyond the field's maximum. S literals follow a match (S = v & 3 where there
 * is an LE16). The first byte of a block, when above 17, is just so many literals more than 17.
 */

// ---- compression: the choices (hash, window, steps, the ways to store a match) are those of the LZO library
// 2.10 on 64-bit machines, so that the bytes are the same, too.

const HASH_BITS: u32 = 14;
const HASH_MULTIPLIER: u32 = 0x1824429d;
const WINDOW_SIZE: usize = 48 * 1024;
/** The last bytes of a window are literals: a match is looked for only where so many bytes follow. */
const WINDOW_TAIL: usize = 20;
/** With fewer bytes than this at hand, counting literals not yet written, nothing is looked for. */
const MIN_WORTHWHILE: usize = 32;

let written: usize = 0;

/** @param table memory for `2 << HASH_BITS` bytes. @returns the bytes written to `output`. */
export function compress(input: usize, length: usize, output: usize, table: usize): usize {
  written = output;
  const end = input + length;
  let start = input;
  let pending: usize = 0; // literals before `start` that are not written yet
  while (end - start > WINDOW_TAIL) {
    const windowEnd = min(start + WINDOW_SIZE, end);
    if (pending + windowEnd - start < MIN_WORTHWHILE) break;
    pending = compressWindow(start, windowEnd, pending, table, output);
    start = windowEnd;
  }
  finish(end, end - start + pending, output);
  return written - output;
}

/** @returns how many bytes before `end` are still to be written as literals. */
function compressWindow(start: usize, end: usize, pending: usize, table: usize, output: usize): usize {
  memory.fill(table, 0, 2 << HASH_BITS);
  const lastStart = end - WINDOW_TAIL;
  let literals = start - pending;
  let anchor = start; // what steps are counted from: they grow the longer nothing matches
  let at = start + (pending < 4 ? 4 - pending : 0);
  at += 1 + ((at - anchor) >> 5);
  while (at < lastStart) {
    const sequence = load<u32>(at);
    const slot = table + (((HASH_MULTIPLIER * sequence) >> (32 - HASH_BITS)) << 1);
    const candidate = start + load<u16>(slot);
    store<u16>(slot, <u16>(at - start));
    if (sequence != load<u32>(candidate)) {
      at += 1 + ((at - anchor) >> 5);
      continue;
    }
    const length = matchLength(at, candidate, lastStart);
    writeLiterals(literals, at - literals);
    writeMatch(length, at - candidate);
    at += length;
    literals = at;
    anchor = at;
  }
  return end - literals;
}

/** Compares eight bytes at a time, and stops at a step of eight where the tail begins. */
// @ts-expect-error: decorator
@inline
function matchLength(at: usize, candidate: usize, lastStart: usize): usize {
  let length: usize = 4;
  while (true) {
    const difference = load<u64>(at + length) ^ load<u64>(candidate + length);
    if (difference != 0) return length + (<usize>ctz(difference) >> 3);
    length += 8;
    if (at + length >= lastStart) return length;
  }
}

/** The literals before a match. */
// @ts-expect-error: decorator
@inline
function writeLiterals(from: usize, length: usize): void {
  if (length == 0) return;
  if (length <= 3) store<u8>(written - 2, load<u8>(written - 2) | <u8>length);
  else writeLiteralLength(length);
  if (length <= 16) v128.store(written, v128.load(from));
  else memory.copy(written, from, length);
  written += length;
}

function writeLiteralLength(length: usize): void {
  if (length > 18) writeExtension(0, length - 18);
  else store<u8>(written++, <u8>(length - 3));
}

// @ts-expect-error: decorator
@inline
function writeMatch(length: usize, distance: usize): void {
  if (length <= 8 && distance <= 0x800) {
    const d = <u32>distance - 1;
    store<u16>(written, <u16>(((<u32>length - 1) << 5) | ((d & 7) << 2) | ((d >> 3) << 8)));
    written += 2;
  } else if (distance <= 0x4000) writeLongMatch(0x20, length, 33, <u32>distance - 1);
  else {
    const beyond = <u32>distance - 0x4000;
    writeLongMatch(0x10 | ((beyond >> 11) & 8), length, 9, beyond);
  }
}

function writeLongMatch(marker: u32, length: usize, maxLength: usize, distance: u32): void {
  if (length <= maxLength) store<u8>(written++, <u8>(marker | (<u32>length - 2)));
  else writeExtension(marker, length - maxLength);
  store<u16>(written, <u16>(distance << 2));
  written += 2;
}

/** An instruction whose length field is too small: what is beyond it follows. */
function writeExtension(instruction: u32, beyond: usize): void {
  store<u8>(written++, <u8>instruction);
  let left = beyond;
  for (; left > 255; left -= 255) store<u8>(written++, 0);
  store<u8>(written++, <u8>left);
}

/** The last bytes of the input as literals, and the end. */
function finish(end: usize, literals: usize, output: usize): void {
  if (literals > 0) {
    if (written == output && literals <= 238) store<u8>(written++, <u8>(17 + literals));
    else if (literals <= 3) store<u8>(written - 2, load<u8>(written - 2) | <u8>literals);
    else writeLiteralLength(literals);
    memory.copy(written, end - literals, literals);
    written += literals;
  }
  store<u8>(written, 0x11);
  store<u16>(written + 1, 0);
  written += 3;
}

// ---- decompression: nothing in the input is trusted; each read, write and distance is checked.

// Results below zero; `src/lzo/lzo1x.ts` has the words for them.
const END_MISSING: i32 = -1;
const LITERALS_BEYOND_INPUT: i32 = -2;
const LITERALS_BEYOND_OUTPUT: i32 = -3;
const MATCH_BEFORE_BEGINNING: i32 = -4;
const MATCH_BEYOND_OUTPUT: i32 = -5;
const LENGTH_WITHOUT_END: i32 = -6;
const DATA_BEHIND_END: i32 = -7;

/** @returns the bytes written to `output`, or what is wrong. */
export function decompress(input: usize, inputLength: usize, output: usize, outputLength: usize): i32 {
  const inputEnd = input + inputLength;
  const outputEnd = output + outputLength;
  let from = input;
  let to = output;
  let state: usize = 0;
  let literals: usize = 0;
  if (from < inputEnd && load<u8>(from) > 17) literals = load<u8>(from++) - 17;
  while (true) {
    if (literals > 0) {
      if (literals > inputEnd - from) return LITERALS_BEYOND_INPUT;
      if (literals > outputEnd - to) return LITERALS_BEYOND_OUTPUT;
      if (literals <= 16) v128.store(to, v128.load(from));
      else memory.copy(to, from, literals);
      from += literals;
      to += literals;
    }
    state = min(literals, 4);
    if (from >= inputEnd) return END_MISSING;
    const instruction: u32 = load<u8>(from++);
    let length: usize;
    let distance: usize;
    if (instruction >= 0x40) {
      if (from >= inputEnd) return END_MISSING;
      literals = instruction & 3;
      length = (instruction >> 5) + 1;
      distance = ((<usize>load<u8>(from++) << 3) | ((instruction >> 2) & 7)) + 1;
    } else if (instruction >= 0x10) {
      const near = instruction >= 0x20;
      const mask: u32 = near ? 31 : 7;
      length = (instruction & mask) + 2;
      if (length == 2) {
        const zeros = countZeros(from, inputEnd);
        if (from + zeros >= inputEnd) return LENGTH_WITHOUT_END;
        length = <usize>mask + 2 + zeros * 255 + load<u8>(from + zeros);
        from += zeros + 1;
      }
      if (inputEnd - from < 2 || from > inputEnd) return END_MISSING;
      const low: u32 = load<u16>(from);
      from += 2;
      literals = low & 3;
      if (near) distance = (low >> 2) + 1;
      else {
        distance = 0x4000 + ((instruction & 8) << 11) + (low >> 2);
        if (distance == 0x4000) return from < inputEnd ? DATA_BEHIND_END : <i32>(to - output);
      }
    } else if (state == 0) {
      literals = instruction + 3;
      if (instruction == 0) {
        const zeros = countZeros(from, inputEnd);
        if (from + zeros >= inputEnd) return LENGTH_WITHOUT_END;
        literals = 18 + zeros * 255 + load<u8>(from + zeros);
        from += zeros + 1;
      }
      // What comes next is no instruction of state 0, but the literals do not depend on that.
      continue;
    } else {
      if (from >= inputEnd) return END_MISSING;
      literals = instruction & 3;
      length = state == 4 ? 3 : 2;
      distance = (<usize>load<u8>(from++) << 2) + (instruction >> 2) + (state == 4 ? 2049 : 1);
    }
    if (distance > to - output) return MATCH_BEFORE_BEGINNING;
    if (length > outputEnd - to) return MATCH_BEYOND_OUTPUT;
    copyMatch(to, distance, length);
    to += length;
  }
}

/** A match may reach into what it writes, which repeats the last `distance` bytes. */
// @ts-expect-error: decorator
@inline
function copyMatch(to: usize, distance: usize, length: usize): void {
  const end = to + length;
  const from = to - distance;
  if (distance >= 16) {
    for (let at = to; at < end; at += 16) v128.store(at, v128.load(at - distance));
  } else if (distance >= 8) {
    for (let at = to; at < end; at += 8) store<u64>(at, load<u64>(at - distance));
  } else if (distance == 1) memory.fill(to, load<u8>(from), length);
  else for (let at = to; at < end; at++) store<u8>(at, load<u8>(at - distance));
}

/** The zero bytes from `from` on. */
function countZeros(from: usize, end: usize): usize {
  let at = from;
  while (at < end && load<u8>(at) == 0) at++;
  return at - from;
}

// ---- Adler-32 (RFC 1950, 8.2)

const BASE: u32 = 65521;
/** So many bytes can be summed up before the sums leave 32 bits; a multiple of 32. */
const MAX_RUN: usize = 5552 - (5552 % 32);

/** @param previous of the bytes before these; 1 at the start. */
export function adler32(bytes: usize, length: usize, previous: u32): u32 {
  let low = previous & 0xffff;
  let high = previous >> 16;
  const end = bytes + length;
  let at = bytes;
  while (end - at >= 32) {
    const run = min(MAX_RUN, (end - at) & ~31);
    const runEnd = at + run;
    // high gains, for each 32 bytes, 32 times the low of before and the bytes weighed 32, 31, …, 1.
    let lows = i32x4.splat(0);
    let lowsBefore = i32x4.splat(0);
    let weighed = i32x4.splat(0);
    for (; at < runEnd; at += 32) {
      const first = v128.load(at);
      const second = v128.load(at, 16);
      lowsBefore = i32x4.add(lowsBefore, lows);
      lows = i32x4.add(lows, sums(first));
      lows = i32x4.add(lows, sums(second));
      weighed = i32x4.add(weighed, weigh(first, i16x8(32, 31, 30, 29, 28, 27, 26, 25), i16x8(24, 23, 22, 21, 20, 19, 18, 17)));
      weighed = i32x4.add(weighed, weigh(second, i16x8(16, 15, 14, 13, 12, 11, 10, 9), i16x8(8, 7, 6, 5, 4, 3, 2, 1)));
    }
    high = (high + <u32>run * low + 32 * total(lowsBefore) + total(weighed)) % BASE;
    low = (low + total(lows)) % BASE;
  }
  for (; at < end; at++) {
    low += load<u8>(at);
    high += low;
  }
  return ((high % BASE) << 16) | low % BASE;
}

/** Sixteen bytes, added up by fours. */
// @ts-expect-error: decorator
@inline
function sums(bytes: v128): v128 {
  return i32x4.extadd_pairwise_i16x8_u(i16x8.extadd_pairwise_i8x16_u(bytes));
}

// @ts-expect-error: decorator
@inline
function weigh(bytes: v128, low: v128, high: v128): v128 {
  const lower = i32x4.dot_i16x8_s(i16x8.extend_low_i8x16_u(bytes), low);
  return i32x4.add(lower, i32x4.dot_i16x8_s(i16x8.extend_high_i8x16_u(bytes), high));
}

// @ts-expect-error: decorator
@inline
function total(lanes: v128): u32 {
  return (
    i32x4.extract_lane(lanes, 0) +
    i32x4.extract_lane(lanes, 1) +
    i32x4.extract_lane(lanes, 2) +
    i32x4.extract_lane(lanes, 3)
  );
}
