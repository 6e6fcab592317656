import { ArchiveError, type ByteSource, readFully } from '@vzdump-format/streams';
import { crc32 } from '../crc32.js';
import { checksumCount, HINT_NEW_INDEX, MAX_SEGMENT_CONTENT, type Segment } from './segments.js';

/**
 * An index of a compressed file, kept beside it. Little endian:
 *
 *     8   magic "VZDFIDX2", of which the last byte is the version
 *     8   size of the compressed file, 4 CRC-32 of its first and last 64 KiB, which another file has not
 *     8   name of the codec, padded with zeros
 *     4   number of segments, then for each:
 *         6 offset, 4 compressed size, 4 content size, 4 state, 2 number of checksums,
 *         4 length of the dictionary, 4 for each checksum (CRC-32 of a MiB of the content), the dictionary
 *     4   CRC-32 of all this
 */
const MAGIC = Buffer.from('VZDFIDX2');
const FORMER_MAGIC = Buffer.from('VZDFIDX1');
const HEADER_SIZE = 32;
const ENTRY_SIZE = 24;
const NOTHING = new Uint8Array(0);
const FINGERPRINT_SIZE = 64 * 1024;

export interface SeekIndex {
  readonly codec: string;
  readonly segments: readonly Segment[];
}

/** The bytes to keep beside the compressed file. */
export async function encodeIndex(source: ByteSource, { codec, segments }: SeekIndex): Promise<Uint8Array> {
  const header = Buffer.alloc(HEADER_SIZE);
  MAGIC.copy(header);
  header.writeBigUInt64LE(BigInt(source.size), 8);
  header.writeUInt32LE(await fingerprint(source), 16);
  header.write(codec, 20, 8, 'latin1');
  header.writeUInt32LE(segments.length, 28);
  const bytes = Buffer.concat([header, ...segments.map(encodeSegment)]);
  const sum = Buffer.alloc(4);
  sum.writeUInt32LE(crc32(bytes));
  return Buffer.concat([bytes, sum]);
}

/** @throws `INDEX_DAMAGED`; `INDEX_STALE` when it is of another file, or of what the file was. */
export async function decodeIndex(bytes: Uint8Array, source: ByteSource): Promise<SeekIndex> {
  const index = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const end = index.length - 4;
  if (index.subarray(0, 8).equals(FORMER_MAGIC)) {
    throw new ArchiveError('INDEX_STALE', 'the index is of a former version', { hint: HINT_NEW_INDEX });
  }
  if (end < HEADER_SIZE || !index.subarray(0, 8).equals(MAGIC)) throw damaged('it is no index');
  if (crc32(index.subarray(0, end)) !== index.readUInt32LE(end)) throw damaged('its checksum does not match');
  if (
    Number(index.readBigUInt64LE(8)) !== source.size ||
    index.readUInt32LE(16) !== (await fingerprint(source))
  ) {
    throw new ArchiveError(
      'INDEX_STALE',
      'the index belongs to another file, or the file has changed since',
      { hint: HINT_NEW_INDEX },
    );
  }
  const segments: Segment[] = [];
  for (let at = HEADER_SIZE; at < end; ) {
    const { segment, next } = decodeSegment(index.subarray(0, end), at);
    requireInside(segment, source);
    segments.push(segment);
    at = next;
  }
  if (segments.length !== index.readUInt32LE(28)) throw damaged('segments are missing');
  return { codec: index.toString('latin1', 20, 28).replace(/\0+$/, ''), segments };
}

function encodeSegment(segment: Segment): Buffer {
  const { offset, size, contentSize, state, checksums = [], dictionary = NOTHING } = segment;
  const entry = Buffer.alloc(ENTRY_SIZE + 4 * checksums.length);
  entry.writeUIntLE(offset, 0, 6);
  entry.writeUInt32LE(size, 6);
  entry.writeUInt32LE(contentSize, 10);
  entry.writeUInt32LE(state, 14);
  entry.writeUInt16LE(checksums.length, 18);
  entry.writeUInt32LE(dictionary.length, 20);
  for (const [index, sum] of checksums.entries()) entry.writeUInt32LE(sum, ENTRY_SIZE + 4 * index);
  return Buffer.concat([entry, dictionary]);
}

function decodeSegment(index: Buffer, at: number): { segment: Segment; next: number } {
  const checksumsAt = at + ENTRY_SIZE;
  if (checksumsAt > index.length) throw damaged('it ends too early');
  const count = index.readUInt16LE(at + 18);
  const dictionaryAt = checksumsAt + 4 * count;
  const next = dictionaryAt + index.readUInt32LE(at + 20);
  if (next > index.length) throw damaged('it ends too early');
  const checksums = Array.from({ length: count }, (_, sum) => index.readUInt32LE(checksumsAt + 4 * sum));
  const segment = {
    offset: index.readUIntLE(at, 6),
    size: index.readUInt32LE(at + 6),
    contentSize: index.readUInt32LE(at + 10),
    state: index.readUInt32LE(at + 14),
    ...(count > 0 ? { checksums } : {}),
    ...(next > dictionaryAt ? { dictionary: index.subarray(dictionaryAt, next) } : {}),
  };
  return { segment, next };
}

/** Its checksum proves that an index is as it was written, and not that it was written by us. */
function requireInside({ offset, size, contentSize, checksums }: Segment, source: ByteSource): void {
  if (offset + size > source.size) throw damaged('a segment lies outside of the file');
  if (contentSize > MAX_SEGMENT_CONTENT) throw damaged('a segment is impossibly large');
  if (checksums !== undefined && checksums.length !== checksumCount(contentSize)) {
    throw damaged('a segment has checksums of another content');
  }
}

async function fingerprint(source: ByteSource): Promise<number> {
  const length = Math.min(FINGERPRINT_SIZE, source.size);
  const ends = Buffer.alloc(2 * length);
  await readFully(source, ends.subarray(0, length), 0);
  await readFully(source, ends.subarray(length), source.size - length);
  return crc32(ends);
}

function damaged(what: string): ArchiveError {
  return new ArchiveError('INDEX_DAMAGED', `the index cannot be used: ${what}`, {
    hint: HINT_NEW_INDEX,
  });
}
