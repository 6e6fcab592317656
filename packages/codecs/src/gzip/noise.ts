/**
 * Data that deflate cannot make smaller, as encrypted and compressed data is, is stored as it is. It is known
 * by this: every byte occurs as often as any other, and hardly four bytes occur twice.
 *
 * Measured on 100 blocks of 128 KiB of noise: 0.06 s to know them instead of 0.26 s to deflate them. To
 * measure again, let `isNoise` answer false, and run `BENCH_CASES=11 npm run bench -- codecs`.
 */

/** Below, the statistics tell nothing, and there is no time to save. */
const MIN_LENGTH = 16 * 1024;
/** First only some pieces are looked at, as most data is not noise. */
const SAMPLES = 8;
const SAMPLE_SIZE = 1024;
/**
 * Chi-squared of evenly distributed bytes is 255 ± 23; of what could be coded in 7.99 bits a byte, twice
 * that.
 */
const MAX_CHI_SQUARED = 400;
/** In 128 KiB of noise, two or three words are found again by chance. Each could save a byte or two. */
const MAX_REPEATS = 32;

const HASH_BITS = 16;
const HASH_FACTOR = 0x9e3779b1; // 2^32 divided by the golden ratio

const counts = new Uint32Array(256);
/** For each hash of four bytes, those that had it last. */
const words = new Int32Array(1 << HASH_BITS);

/** @param before what can be referred to, besides `content` itself. */
export function isNoise(content: Uint8Array, before: Uint8Array): boolean {
  return (
    content.length >= MIN_LENGTH && samplesAreEven(content) && isEven([content]) && !repeats(before, content)
  );
}

function samplesAreEven(content: Uint8Array): boolean {
  const step = (content.length - SAMPLE_SIZE) / (SAMPLES - 1);
  const starts = Array.from({ length: SAMPLES }, (_, sample) => Math.floor(sample * step));
  return isEven(starts.map((start) => content.subarray(start, start + SAMPLE_SIZE)));
}

function isEven(pieces: readonly Uint8Array[]): boolean {
  counts.fill(0);
  let length = 0;
  for (const piece of pieces) {
    for (let at = 0; at < piece.length; at++) counts[piece[at]!]!++;
    length += piece.length;
  }
  const expected = length / counts.length;
  let squares = 0;
  for (const count of counts) squares += (count - expected) ** 2;
  return squares / expected <= MAX_CHI_SQUARED;
}

/** Whether words of `content` occur before, in it or in `before`. */
function repeats(before: Uint8Array, content: Uint8Array): boolean {
  words.fill(0);
  countRepeats(before, Number.POSITIVE_INFINITY);
  return countRepeats(content, MAX_REPEATS) > MAX_REPEATS;
}

function countRepeats(bytes: Uint8Array, most: number): number {
  let word = 0;
  let found = 0;
  for (let at = 0; at < bytes.length && found <= most; at++) {
    word = (word << 8) | bytes[at]!;
    const hash = Math.imul(word, HASH_FACTOR) >>> (32 - HASH_BITS);
    if (words[hash] === word) found++;
    words[hash] = word;
  }
  return found;
}

/** The most that one stored block holds (RFC 1951, 3.2.4). */
const MAX_STORED = 65535;
const HEADER_SIZE = 5;

/**
 * Deflate data that holds `content` as it is: stored blocks, none of them the last. They begin and end on a
 * byte boundary: a byte with the block's three bits, all zero, then u16 length and its complement, little
 * endian.
 */
export function storedBlocks(content: Uint8Array): Uint8Array {
  const blocks = Math.ceil(content.length / MAX_STORED);
  const bytes = Buffer.allocUnsafeSlow(content.length + blocks * HEADER_SIZE);
  for (let block = 0; block < blocks; block++) {
    const part = content.subarray(block * MAX_STORED, (block + 1) * MAX_STORED);
    const at = block * (MAX_STORED + HEADER_SIZE);
    bytes[at] = 0;
    bytes.writeUInt16LE(part.length, at + 1);
    bytes.writeUInt16LE(part.length ^ 0xffff, at + 3);
    bytes.fill(part, at + HEADER_SIZE, at + HEADER_SIZE + part.length);
  }
  return bytes;
}
