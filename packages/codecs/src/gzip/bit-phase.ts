/**
 * node:zlib begins to decompress at the first bit of a byte; a deflate block may begin at any. So blocks
 * without content are put before it, whose bits fill the first byte up to there (RFC 1951, 3.2; bits are
 * written here in the order in which they are read).
 */

/** Not the last; fixed codes; end of block: 10 bits. */
const EMPTY_FIXED_BLOCK = ['0', '10', '0000000'].join('');

/**
 * Not the last; dynamic codes: 91 bits, an odd number. 257 literal and 2 distance codes; 18 code lengths for
 * code lengths, all zero but those of 18 (a run of zeros) and of 1, which get a bit each: 1 and 0. Then 138
 * and 118 zeros, and ones for the end of the block and both distances. Then the end of the block.
 */
const EMPTY_DYNAMIC_BLOCK = [
  ...['0', '01', '00000', '10000', '0111'],
  ...['000', '000', '100', '000'.repeat(14), '100'],
  ...['1', '1111111', '1', '1101011', '0', '0', '0'],
  '0',
].join('');

/** Bits, a whole number of bytes and `phase` more, that decompress to nothing. */
export function emptyBlocks(phase: number): string {
  const start = phase % 2 === 0 ? '' : EMPTY_DYNAMIC_BLOCK;
  for (let bits = start; ; bits += EMPTY_FIXED_BLOCK) if (bits.length % 8 === phase) return bits;
}

/**
 * Deflate data that begins with a byte's last `bitsLeft` bits, 1 to 7, as data that begins with a whole byte.
 */
export function fromBit(data: Uint8Array, bitsLeft: number): Uint8Array {
  const bits = emptyBlocks(8 - bitsLeft);
  const prefix = Uint8Array.from(bits.match(/.{1,8}/g)!, (byte) =>
    Number.parseInt([...byte].reverse().join(''), 2),
  );
  const whole = new Uint8Array(prefix.length - 1 + data.length);
  whole.set(data, prefix.length - 1);
  whole.set(prefix.subarray(0, -1));
  const mask = 0xff << (8 - bitsLeft);
  whole[prefix.length - 1] = (data[0]! & mask) | prefix.at(-1)!;
  return whole;
}
