const TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});

/** CRC-32 (RFC 1952, 8) in plain JavaScript. @param previous of the bytes before these. */
export function plainCrc32(bytes: Uint8Array, previous = 0): number {
  let crc = ~previous;
  for (let at = 0; at < bytes.length; at++) crc = (crc >>> 8) ^ TABLE[(crc ^ bytes[at]!) & 0xff]!;
  return ~crc >>> 0;
}

let fastest: typeof plainCrc32 | undefined;

/** The same by node:zlib where there is one, twenty times as fast. */
export function crc32(bytes: Uint8Array, previous?: number): number {
  fastest ??= process.getBuiltinModule('node:zlib')?.crc32 ?? plainCrc32; // slow to load
  return fastest(bytes, previous);
}
