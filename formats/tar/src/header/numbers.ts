import { ArchiveError } from '@vzdump-format/streams';
import type { Stretch } from '../read/archive-reader.js';

const SPACE = 0x20;
const DIGIT_0 = 0x30;
const DIGIT_7 = 0x37;
const MAX_INT32 = 0x7fffffff;
const BASE_256_POSITIVE = 0x80;
const BASE_256_NEGATIVE = 0xff;

/**
 * The number in a field of a header: octal, or in base 256, which alone can be negative. A field of spaces is
 * no number (GNU tar says so too, bsdtar reads 0), one of NULs is 0.
 * @param field where it is in the header
 * @throws `TAR_NUMBER` for what is no number, or past 2^53
 */
export function decodeNumber(header: Stretch, field: number, length: number): number {
  const { bytes } = header;
  const at = header.at + field;
  const first = bytes[at]!;
  if (first === BASE_256_POSITIVE) return decodeBase256(header, field, length, 0);
  if (first === BASE_256_NEGATIVE) return decodeBase256(header, field, length, -1);
  const end = at + length;
  let index = first === 0 ? at + 1 : at; // some old tar let the NUL of the field before run over
  while (index < end && bytes[index] === SPACE) index++;
  const digits = index;
  let value = 0;
  let byte = 0;
  for (; index < end; index++) {
    byte = bytes[index]!;
    if (byte < DIGIT_0 || byte > DIGIT_7) break;
    value = value * 8 + (byte - DIGIT_0);
  }
  const isBlank = digits === end && first !== 0;
  const isFollowedByOther = index < end && byte !== 0 && byte !== SPACE;
  if (isBlank || isFollowedByOther) throw notANumber(header, field, length);
  return value;
}

/** @param sign what bytes further up would stand for: 0, or -1 for all ones */
function decodeBase256(header: Stretch, field: number, length: number, sign: number): number {
  const start = header.at + field;
  let value = sign;
  for (let at = start + 1; at < start + length; at++) {
    value = value * 256 + header.bytes[at]!;
    if (!Number.isSafeInteger(value)) throw notANumber(header, field, length);
  }
  return value;
}

function notANumber({ bytes, at, offset }: Stretch, field: number, length: number): ArchiveError {
  const hex = bytes.toString('hex', at + field, at + field + length);
  return new ArchiveError('TAR_NUMBER', `a field of a header is no number, or too large a one: ${hex}`, {
    offset: offset + field,
  });
}

/** Writes octal digits and a NUL. @param value 0 up to what `length - 1` digits hold */
export function encodeOctal(bytes: Uint8Array, at: number, length: number, value: number): void {
  bytes[at + length - 1] = 0;
  let rest = value;
  let index = at + length - 2;
  for (; rest > MAX_INT32; index--) {
    bytes[index] = DIGIT_0 + (rest % 8);
    rest = Math.floor(rest / 8);
  }
  for (; index >= at; index--) {
    bytes[index] = DIGIT_0 + (rest & 7);
    rest >>= 3;
  }
}
