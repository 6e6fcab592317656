import type { LevelRange } from '../codec.js';

/**
 * The gzip file format (RFC 1952): members one after the other, each
 *
 *     offset size
 *     0      2     1f 8b
 *     2      1     method, 8 = deflate
 *     3      1     flags, below; the upper three bits are zero
 *     4      4     modification time, seconds since 1970, 0 = none (little endian, as all numbers here)
 *     8      1     extra flags (2 = best compression, 4 = fastest)
 *     9      1     operating system (3 = Unix, 255 = unknown)
 *     10           [u16 length, extra field] [name, 0] [comment, 0] [u16 CRC-32 of the header so far]
 *                  deflate data (RFC 1951)
 *                  u32 CRC-32 of the uncompressed data, u32 its length modulo 2^32
 */
export const MAGIC = Uint8Array.of(0x1f, 0x8b);
export const METHOD_DEFLATE = 8;
export const FIXED_HEADER_SIZE = 10;
export const TRAILER_SIZE = 8;

/** What deflate can look back (RFC 1951, 2). */
export const WINDOW_SIZE = 32 * 1024;

/** FTEXT (1) is a remark only. */
export const Flag = {
  headerCrc: 2,
  extra: 4,
  name: 8,
  comment: 16,
  reserved: 0xe0,
} as const;

/** As `gzip -1` … `gzip -9`. */
export const GZIP_LEVELS: LevelRange = { min: 1, max: 9, default: 6 };

const UNIX = 3;
/** Extra flags: what the level was for. */
const BEST = 2;
const FASTEST = 4;

/** A header with neither name nor time, so that the same input gives the same bytes. */
export function encodeMemberHeader(level: number): Uint8Array {
  const header = Buffer.alloc(FIXED_HEADER_SIZE);
  header.set([...MAGIC, METHOD_DEFLATE]);
  header[8] = level === 9 ? BEST : level === 1 ? FASTEST : 0;
  header[9] = UNIX;
  return header;
}

export function encodeTrailer(crc: number, length: number): Uint8Array {
  const trailer = Buffer.alloc(TRAILER_SIZE);
  trailer.writeUInt32LE(crc, 0);
  trailer.writeUInt32LE(length % 2 ** 32, 4);
  return trailer;
}
