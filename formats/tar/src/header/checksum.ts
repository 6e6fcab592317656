import { BLOCK_SIZE, LENGTH, OFFSET } from '../format.js';
import type { Stretch } from '../read/archive-reader.js';
import { decodeNumber, encodeOctal } from './numbers.js';

const SPACE = 0x20;
/** All writers write six digits, a NUL and a space. */
const CHECKSUM_DIGITS_AND_NUL = 7;

/**
 * The sum of the bytes of a block, sixteen at a time: two lanes of 16 bits, which 256 bytes cannot overflow.
 */
export function sumOfBytes(words: DataView, start: number): number {
  let lanes = 0;
  for (let at = start; at < start + BLOCK_SIZE; at += 16) {
    const first = words.getInt32(at, true);
    const second = words.getInt32(at + 4, true);
    const third = words.getInt32(at + 8, true);
    const fourth = words.getInt32(at + 12, true);
    if ((first | second | third | fourth) === 0) continue; // as most of a header is
    lanes = (lanes + lanesOf(first) + lanesOf(second) + lanesOf(third) + lanesOf(fourth)) | 0;
  }
  return (lanes & 0xffff) + (lanes >>> 16);
}

function lanesOf(word: number): number {
  return (word & 0x00ff00ff) + ((word >>> 8) & 0x00ff00ff);
}

/** Whether a block is the header of a member. @param sum of its bytes */
export function hasChecksum(block: Stretch, sum: number): boolean {
  let expected: number;
  try {
    expected = decodeNumber(block, OFFSET.checksum, LENGTH.checksum);
  } catch {
    return false;
  }
  return expected === checksumOf(block, sum) || expected === signedChecksum(block);
}

/** Writes the checksum of a header. @param sum of its bytes, with spaces for those of the checksum */
export function encodeChecksum(bytes: Uint8Array, start: number, sum: number): void {
  const at = start + OFFSET.checksum;
  encodeOctal(bytes, at, CHECKSUM_DIGITS_AND_NUL, sum);
  bytes[at + CHECKSUM_DIGITS_AND_NUL] = SPACE;
}

/** The sum with the checksum's own field as spaces. */
function checksumOf({ bytes, at }: Stretch, sum: number): number {
  let result = sum;
  for (let index = 0; index < LENGTH.checksum; index++)
    result += SPACE - bytes[at + OFFSET.checksum + index]!;
  return result;
}

/** As some old writers added, to which bytes were signed. */
function signedChecksum({ bytes, at }: Stretch): number {
  let sum = LENGTH.checksum * SPACE;
  for (let index = 0; index < BLOCK_SIZE; index++) {
    const isChecksum = index >= OFFSET.checksum && index < OFFSET.checksum + LENGTH.checksum;
    if (!isChecksum) sum += (bytes[at + index]! << 24) >> 24;
  }
  return sum;
}
