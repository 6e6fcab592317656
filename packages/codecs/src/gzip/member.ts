import { FIXED_HEADER_SIZE, MAGIC, METHOD_DEFLATE, TRAILER_SIZE } from './format.js';

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
