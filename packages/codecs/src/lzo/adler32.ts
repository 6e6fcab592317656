const BASE = 65521;
/** So many bytes can be summed up before the sums leave 32 bits (RFC 1950, 9). */
const MAX_RUN = 5552;

/** Adler-32 (RFC 1950, 8.2), which node:zlib has no call for. @param previous of the bytes before these. */
export function adler32(bytes: Uint8Array, previous = 1): number {
  let low = previous & 0xffff;
  let high = previous >>> 16;
  for (let start = 0; start < bytes.length; start += MAX_RUN) {
    const end = Math.min(start + MAX_RUN, bytes.length);
    let at = start;
    for (; at + 8 <= end; at += 8) {
      const b0 = bytes[at]!;
      const b1 = bytes[at + 1]!;
      const b2 = bytes[at + 2]!;
      const b3 = bytes[at + 3]!;
      const b4 = bytes[at + 4]!;
      const b5 = bytes[at + 5]!;
      const b6 = bytes[at + 6]!;
      const b7 = bytes[at + 7]!;
      high = (high + 8 * low + 8 * b0 + 7 * b1 + 6 * b2 + 5 * b3 + 4 * b4 + 3 * b5 + 2 * b6 + b7) | 0;
      low = (low + b0 + b1 + b2 + b3 + b4 + b5 + b6 + b7) | 0;
    }
    for (; at < end; at++) {
      low = (low + bytes[at]!) | 0;
      high = (high + low) | 0;
    }
    low = (low >>> 0) % BASE;
    high = (high >>> 0) % BASE;
  }
  return ((high << 16) | low) >>> 0;
}
