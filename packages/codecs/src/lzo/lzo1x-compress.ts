/**
 * LZO1X-1, the compressor of `lzop -3`: one look into a hash table of four-byte sequences for each position,
 * in windows of 48 KiB that know nothing of each other. The choices (hash, window, steps, the ways to store a
 * match) are those of the LZO library 2.10 on 64-bit machines, so that the bytes are the same, too.
 */

const HASH_BITS = 14;
const HASH_MULTIPLIER = 0x1824429d;
const WINDOW_SIZE = 48 * 1024;
/** The last bytes of a window are literals: a match is looked for only where so many bytes follow. */
const WINDOW_TAIL = 20;
/** With fewer bytes than this at hand, counting literals not yet written, nothing is looked for. */
const MIN_WORTHWHILE = 32;
const SHORT_MATCH_MAX_LENGTH = 8;
const SHORT_MATCH_MAX_DISTANCE = 0x800;
const NEAR_MATCH_MAX_LENGTH = 33;
const NEAR_MATCH_MAX_DISTANCE = 0x4000;
const FAR_MATCH_MAX_LENGTH = 9;
const NEAR_MATCH = 0x20;
const FAR_MATCH = 0x10;

/** The most that `length` bytes can become. */
export function lzo1xBound(length: number): number {
  return length + (length >> 4) + 64 + 3;
}

/** Compresses blocks; holds the hash table between them. */
export class Lzo1xCompressor {
  private readonly table = new Uint16Array(1 << HASH_BITS);

  /**
   * @param output has room for `lzo1xBound(input.length)` bytes.
   * @returns the number of bytes written to it.
   */
  compress(input: Uint8Array, output: Uint8Array): number {
    const writer = new InstructionWriter(input, output);
    let start = 0;
    let pending = 0; // literals before `start` that are not written yet
    while (input.length - start > WINDOW_TAIL) {
      const end = Math.min(start + WINDOW_SIZE, input.length);
      if (pending + end - start < MIN_WORTHWHILE) break;
      pending = compressWindow(this.table, writer, start, end, pending);
      start = end;
    }
    return writer.finish(input.length - start + pending);
  }
}

/** @returns how many bytes before `end` are still to be written as literals. */
function compressWindow(
  table: Uint16Array,
  writer: InstructionWriter,
  start: number,
  end: number,
  pending: number,
): number {
  table.fill(0);
  const input = writer.input;
  const lastStart = end - WINDOW_TAIL;
  let literals = start - pending;
  let anchor = start; // what steps are counted from: they grow the longer nothing matches
  let at = start + Math.max(0, 4 - pending);
  at += 1 + ((at - anchor) >> 5);
  while (at < lastStart) {
    const sequence = input.getInt32(at, true);
    const slot = Math.imul(HASH_MULTIPLIER, sequence) >>> (32 - HASH_BITS);
    const candidate = start + table[slot]!;
    table[slot] = at - start;
    if (sequence !== input.getInt32(candidate, true)) {
      at += 1 + ((at - anchor) >> 5);
      continue;
    }
    const length = matchLength(input, at, candidate, lastStart);
    writer.write(literals, at - literals, length, at - candidate);
    at += length;
    literals = at;
    anchor = at;
  }
  return end - literals;
}

/** Compares eight bytes at a time, and stops at a step of eight where the tail begins. */
function matchLength(input: DataView, at: number, candidate: number, lastStart: number): number {
  let length = 4;
  for (;;) {
    const low = input.getInt32(at + length, true) ^ input.getInt32(candidate + length, true);
    if (low !== 0) return length + equalBytes(low);
    const high = input.getInt32(at + length + 4, true) ^ input.getInt32(candidate + length + 4, true);
    if (high !== 0) return length + 4 + equalBytes(high);
    length += 8;
    if (at + length >= lastStart) return length;
  }
}

/** How many low bytes of a difference are zero. */
function equalBytes(difference: number): number {
  return (31 - Math.clz32(difference & -difference)) >> 3;
}

/** Writes literals and matches in the fewest bytes that LZO1X has for them. */
class InstructionWriter {
  readonly input: DataView;
  private readonly view: DataView;
  private written = 0;

  constructor(
    private readonly bytes: Uint8Array,
    private readonly output: Uint8Array,
  ) {
    this.input = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.view = new DataView(output.buffer, output.byteOffset, output.length);
  }

  /** Literals, if any, and the match behind them. */
  write(start: number, literals: number, length: number, distance: number): void {
    const { output } = this;
    let at = this.written;
    if (literals > 0) {
      if (literals <= 3) output[at - 2]! |= literals;
      else at = writeLiteralLength(output, at, literals);
      at = this.copy(start, literals, at);
    }
    if (length <= SHORT_MATCH_MAX_LENGTH && distance <= SHORT_MATCH_MAX_DISTANCE) {
      output[at] = ((length - 1) << 5) | (((distance - 1) & 7) << 2);
      output[at + 1] = (distance - 1) >> 3;
      this.written = at + 2;
    } else if (distance <= NEAR_MATCH_MAX_DISTANCE) {
      this.written = writeLongMatch(output, at, NEAR_MATCH, length, NEAR_MATCH_MAX_LENGTH, distance - 1);
    } else {
      const beyond = distance - NEAR_MATCH_MAX_DISTANCE;
      const marker = FAR_MATCH | ((beyond >> 11) & 8);
      this.written = writeLongMatch(output, at, marker, length, FAR_MATCH_MAX_LENGTH, beyond);
    }
  }

  /** The last bytes of the input as literals, and the end. @returns the length of the output. */
  finish(literals: number): number {
    const { output } = this;
    let at = this.written;
    if (literals > 0) {
      if (at === 0 && literals <= 238) output[at++] = 17 + literals;
      else if (literals <= 3) output[at - 2]! |= literals;
      else at = writeLiteralLength(output, at, literals);
      output.set(this.bytes.subarray(this.bytes.length - literals), at);
      at += literals;
    }
    output.set([FAR_MATCH | 1, 0, 0], at);
    return at + 3;
  }

  /** Before a match, the input has 20 bytes more and the output has room, so that four can go at a time. */
  private copy(start: number, length: number, to: number): number {
    if (length > 64) this.output.set(this.bytes.subarray(start, start + length), to);
    else {
      for (let at = 0; at < length; at += 4) this.view.setInt32(to + at, this.input.getInt32(start + at));
    }
    return to + length;
  }
}

function writeLiteralLength(output: Uint8Array, to: number, length: number): number {
  if (length > 18) return writeExtension(output, to, 0, length - 18);
  output[to] = length - 3;
  return to + 1;
}

function writeLongMatch(
  output: Uint8Array,
  to: number,
  marker: number,
  length: number,
  maxLength: number,
  distance: number,
): number {
  let at = to;
  if (length <= maxLength) output[at++] = marker | (length - 2);
  else at = writeExtension(output, at, marker, length - maxLength);
  output[at] = (distance << 2) & 0xff;
  output[at + 1] = (distance >> 6) & 0xff;
  return at + 2;
}

/** An instruction whose length field is too small: what is beyond it follows. */
function writeExtension(output: Uint8Array, to: number, instruction: number, beyond: number): number {
  let at = to;
  output[at++] = instruction;
  let left = beyond;
  for (; left > 255; left -= 255) output[at++] = 0;
  output[at++] = left;
  return at;
}
