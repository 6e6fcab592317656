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
  private input = new Uint8Array(0);
  private view = new DataView(this.input.buffer);
  private output = new Uint8Array(0);
  private written = 0;

  /**
   * @param output has room for `lzo1xBound(input.length)` bytes.
   * @returns the number of bytes written to it.
   */
  compress(input: Uint8Array<ArrayBuffer>, output: Uint8Array<ArrayBuffer>): number {
    this.input = input;
    this.view = new DataView(input.buffer, input.byteOffset, input.length);
    this.output = output;
    this.written = 0;
    let start = 0;
    let pending = 0; // literals before `start` that are not written yet
    while (input.length - start > WINDOW_TAIL) {
      const end = Math.min(start + WINDOW_SIZE, input.length);
      if (pending + end - start < MIN_WORTHWHILE) break;
      pending = this.compressWindow(start, end, pending);
      start = end;
    }
    this.writeLastLiterals(input.length - start + pending);
    output[this.written++] = FAR_MATCH | 1;
    output[this.written++] = 0;
    output[this.written++] = 0;
    return this.written;
  }

  /** @returns how many bytes before `end` are still to be written as literals. */
  private compressWindow(start: number, end: number, pending: number): number {
    const { table, view } = this;
    table.fill(0);
    const lastStart = end - WINDOW_TAIL;
    let literals = start - pending;
    let anchor = start; // what steps are counted from: they grow the longer nothing matches
    let at = start + Math.max(0, 4 - pending);
    at += 1 + ((at - anchor) >> 5);
    while (at < lastStart) {
      const sequence = view.getInt32(at, true);
      const slot = Math.imul(HASH_MULTIPLIER, sequence) >>> (32 - HASH_BITS);
      const candidate = start + table[slot]!;
      table[slot] = at - start;
      if (sequence !== view.getInt32(candidate, true)) {
        at += 1 + ((at - anchor) >> 5);
        continue;
      }
      if (at > literals) this.writeLiterals(literals, at - literals);
      const length = this.matchLength(at, candidate, lastStart);
      this.writeMatch(length, at - candidate);
      at += length;
      literals = at;
      anchor = at;
    }
    return end - literals;
  }

  /** Compares eight bytes at a time, and stops at a step of eight where the tail begins. */
  private matchLength(at: number, candidate: number, lastStart: number): number {
    const { view } = this;
    let length = 4;
    for (;;) {
      const low = view.getInt32(at + length, true) ^ view.getInt32(candidate + length, true);
      if (low !== 0) return length + equalBytes(low);
      const high = view.getInt32(at + length + 4, true) ^ view.getInt32(candidate + length + 4, true);
      if (high !== 0) return length + 4 + equalBytes(high);
      length += 8;
      if (at + length >= lastStart) return length;
    }
  }

  private writeLiterals(start: number, length: number): void {
    const { output } = this;
    if (length <= 3) output[this.written - 2]! |= length;
    else this.writeLiteralLength(length);
    this.copy(start, length);
  }

  private writeLastLiterals(length: number): void {
    if (length === 0) return;
    const first = this.written === 0;
    if (first && length <= 238) this.output[this.written++] = 17 + length;
    else if (length <= 3) this.output[this.written - 2]! |= length;
    else this.writeLiteralLength(length);
    this.copy(this.input.length - length, length);
  }

  private writeLiteralLength(length: number): void {
    if (length <= 18) this.output[this.written++] = length - 3;
    else {
      this.output[this.written++] = 0;
      this.writeExtension(length - 18);
    }
  }

  private writeMatch(length: number, distance: number): void {
    const { output } = this;
    if (length <= SHORT_MATCH_MAX_LENGTH && distance <= SHORT_MATCH_MAX_DISTANCE) {
      output[this.written++] = ((length - 1) << 5) | (((distance - 1) & 7) << 2);
      output[this.written++] = (distance - 1) >> 3;
    } else if (distance <= NEAR_MATCH_MAX_DISTANCE) {
      this.writeLongMatch(NEAR_MATCH, length, NEAR_MATCH_MAX_LENGTH, distance - 1);
    } else {
      const beyond = distance - NEAR_MATCH_MAX_DISTANCE;
      this.writeLongMatch(FAR_MATCH | ((beyond >> 11) & 8), length, FAR_MATCH_MAX_LENGTH, beyond);
    }
  }

  private writeLongMatch(marker: number, length: number, maxLength: number, distance: number): void {
    const { output } = this;
    if (length <= maxLength) output[this.written++] = marker | (length - 2);
    else {
      output[this.written++] = marker;
      this.writeExtension(length - maxLength);
    }
    output[this.written++] = (distance << 2) & 0xff;
    output[this.written++] = (distance >> 6) & 0xff;
  }

  private writeExtension(rest: number): void {
    let left = rest;
    for (; left > 255; left -= 255) this.output[this.written++] = 0;
    this.output[this.written++] = left;
  }

  private copy(start: number, length: number): void {
    const { input, output } = this;
    if (length > 64) output.set(input.subarray(start, start + length), this.written);
    else for (let index = 0; index < length; index++) output[this.written + index] = input[start + index]!;
    this.written += length;
  }
}

/** How many low bytes of a difference are zero. */
function equalBytes(difference: number): number {
  return (31 - Math.clz32(difference & -difference)) >> 3;
}
