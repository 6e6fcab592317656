import { ArchiveError, type ByteReader } from '@vzdump-format/streams';
import { crc32 } from '../crc32.js';
import {
  Flag,
  LAST_METHOD,
  LEVEL_LZO1X_1,
  LIBRARY_VERSION,
  LZOP_VERSION,
  type LzopHeader,
  MAGIC,
  METHOD_LZO1X_1,
  OLDEST_VERSION,
  VERSION_NEEDED,
  VERSION_WITH_LEVEL,
  WRITTEN_FLAGS,
} from './format.js';
import { lzo1x } from './lzo1x.js';

/** The header of what we write: no name, mode or time, so that the same input gives the same bytes. */
export function encodeHeader(): Uint8Array {
  const header = Buffer.alloc(29);
  header.writeUInt16BE(LZOP_VERSION, 0);
  header.writeUInt16BE(LIBRARY_VERSION, 2);
  header.writeUInt16BE(VERSION_NEEDED, 4);
  header[6] = METHOD_LZO1X_1;
  header[7] = LEVEL_LZO1X_1;
  header.writeUInt32BE(WRITTEN_FLAGS, 8);
  header.writeUInt32BE(lzo1x().adler32(header.subarray(0, 25)), 25); // mode, time and name stay zero
  return Buffer.concat([MAGIC, header]);
}

/** Reads and checks a header from behind the magic, to where the blocks begin. */
export async function readHeader(reader: ByteReader): Promise<LzopHeader> {
  const fields = new HeaderFields(reader);
  const version = await fields.number(2);
  if (version < OLDEST_VERSION)
    throw fields.unsupported('LZOP_VERSION', `version ${hex(version)} is too old`);
  await fields.number(2);
  const isNew = version >= VERSION_WITH_LEVEL;
  const needed = isNew ? await fields.number(2) : version;
  if (needed > LZOP_VERSION) throw fields.unsupported('LZOP_VERSION', `version ${hex(needed)} is too new`);
  const method = await fields.number(1);
  if (method < METHOD_LZO1X_1 || method > LAST_METHOD) {
    throw fields.unsupported('LZOP_METHOD', `method ${method} is unknown`);
  }
  if (isNew) await fields.number(1);
  const flags = await fields.number(4);
  if ((flags & Flag.filter) !== 0) throw fields.unsupported('LZOP_FILTER', 'filters are not supported');
  await fields.bytes(isNew ? 12 : 8); // mode and time
  await fields.bytes(await fields.number(1)); // name
  await fields.check((flags & Flag.crcOfHeader) !== 0);
  if ((flags & Flag.extraField) !== 0) await readExtraField(reader, (flags & Flag.crcOfHeader) !== 0);
  return { flags };
}

async function readExtraField(reader: ByteReader, byCrc: boolean): Promise<void> {
  const fields = new HeaderFields(reader);
  const length = await fields.number(4);
  for (let left = length; left > 0; left -= 4096) await fields.bytes(Math.min(left, 4096));
  await fields.check(byCrc);
}

/** Keeps what it reads for the checksum, both kinds of it, as the flags come late. */
class HeaderFields {
  private readonly start: number;
  private crc = 0;
  private adler = 1;

  constructor(private readonly reader: ByteReader) {
    this.start = reader.offset;
  }

  async bytes(length: number): Promise<Uint8Array> {
    const bytes = await readOrTruncated(this.reader, length);
    if (length === 0) return bytes; // node:zlib may take no bytes for a fresh start, and give 0
    this.crc = crc32(bytes, this.crc);
    this.adler = lzo1x().adler32(bytes, this.adler);
    return bytes;
  }

  async number(size: number): Promise<number> {
    const bytes = await this.bytes(size);
    return Buffer.from(bytes.buffer, bytes.byteOffset, size).readUIntBE(0, size);
  }

  async check(byCrc: boolean): Promise<void> {
    const expected = byCrc ? this.crc : this.adler;
    if ((await this.number(4)) !== expected) {
      throw this.refusal('LZOP_HEADER_CHECKSUM', 'the checksum of the header does not match', undefined);
    }
  }

  unsupported(code: string, what: string): ArchiveError {
    return this.refusal(
      code,
      what,
      'unless it is damaged, lzop reads it: lzop -dc ARCHIVE | vzdump-format … -',
    );
  }

  private refusal(code: string, what: string, hint: string | undefined): ArchiveError {
    return new ArchiveError(code, `cannot read this lzop file: ${what}`, { offset: this.start, hint });
  }
}

function hex(version: number): string {
  return `0x${version.toString(16).padStart(4, '0')}`;
}

export function truncated(offset: number): ArchiveError {
  return new ArchiveError('LZOP_TRUNCATED', 'unexpected end of the lzop data', {
    offset,
    hint: 'the file is incomplete: was it copied whole?',
  });
}

/** @throws `LZOP_TRUNCATED` when there are fewer bytes. */
export async function readOrTruncated(reader: ByteReader, length: number): Promise<Uint8Array> {
  const bytes = await reader.readUpTo(length);
  if (bytes.length < length) throw truncated(reader.offset);
  return bytes;
}
