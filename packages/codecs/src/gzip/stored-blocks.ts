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
