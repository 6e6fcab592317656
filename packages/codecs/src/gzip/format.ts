import { ArchiveError, type ByteReader } from '@vzdump-format/streams';
import type { LevelRange } from '../codec.js';
import type { DeflateEngine } from './engine.js';

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
const METHOD_DEFLATE = 8;
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

/** RFC 1952 sets no limit; a path has 4 KiB at most. */
const MAX_TEXT_LENGTH = 64 * 1024;

/**
 * Reads a member's header from behind the magic, to where the deflate data begins. What it says is not used.
 */
export async function readMemberHeader(
  reader: ByteReader,
  magic: Uint8Array,
  engine: DeflateEngine,
): Promise<void> {
  const header = new HeaderReader(reader, magic, engine);
  const fixed = await header.read(FIXED_HEADER_SIZE - magic.length);
  const [method, flags] = [fixed[0]!, fixed[1]!];
  if (method !== METHOD_DEFLATE) throw header.damage(`compression method ${method} is unknown`);
  if ((flags & Flag.reserved) !== 0) throw header.damage('reserved flags are set');
  if ((flags & Flag.extra) !== 0) {
    const length = await header.read(2);
    await header.skip(length[0]! | (length[1]! << 8));
  }
  if ((flags & Flag.name) !== 0) await header.skipText();
  if ((flags & Flag.comment) !== 0) await header.skipText();
  if ((flags & Flag.headerCrc) !== 0) await header.checkCrc();
}

/** Keeps the CRC-32 of what it reads. */
class HeaderReader {
  private readonly start: number;
  private crc: number;

  constructor(
    private readonly reader: ByteReader,
    magic: Uint8Array,
    private readonly engine: DeflateEngine,
  ) {
    this.start = reader.offset - magic.length;
    this.crc = engine.crc32(magic);
  }

  async read(length: number): Promise<Uint8Array> {
    const bytes = await readOrTruncated(this.reader, length);
    this.crc = this.engine.crc32(bytes, this.crc);
    return bytes;
  }

  /** In pieces, so that no length makes memory grow. */
  async skip(length: number): Promise<void> {
    for (let left = length; left > 0; ) {
      const piece = Math.min(left, 4096);
      await this.read(piece);
      left -= piece;
    }
  }

  async skipText(): Promise<void> {
    for (let length = 0; (await this.read(1))[0] !== 0; length++) {
      if (length === MAX_TEXT_LENGTH) throw this.damage('its name or comment does not end');
    }
  }

  async checkCrc(): Promise<void> {
    const expected = this.crc & 0xffff;
    const stored = await this.read(2);
    if ((stored[0]! | (stored[1]! << 8)) !== expected) throw this.damage('its checksum does not match');
  }

  damage(what: string): ArchiveError {
    return new ArchiveError('GZIP_HEADER', `damaged gzip header: ${what}`, { offset: this.start });
  }
}

/** @throws `GZIP_TRUNCATED` when there are fewer bytes. */
export async function readOrTruncated(reader: ByteReader, length: number): Promise<Uint8Array> {
  const bytes = await reader.readUpTo(length);
  if (bytes.length < length) throw truncated(reader.offset);
  return bytes;
}

export function truncated(offset: number, cause?: unknown): ArchiveError {
  return new ArchiveError('GZIP_TRUNCATED', 'unexpected end of the gzip data', {
    offset,
    hint: 'the file is incomplete: was it copied whole?',
    cause,
  });
}
