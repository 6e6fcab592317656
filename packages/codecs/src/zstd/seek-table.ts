import { ArchiveError, type ByteSource, readFully } from '@vzdump-format/streams';
import { SKIPPABLE_MAGIC } from './format.js';

/**
 * The seek table of the zstd seekable format (version 0.1.0, contrib/seekable_format of the zstd sources): a
 * skippable frame at the very end of the file, which readers that do not know it pass over. Little endian:
 *
 *     u32 184d2a5e, u32 size of what follows
 *     for each frame: u32 compressed size, u32 content size, [u32 low half of the content's XXH64]
 *     u32 number of frames, at most 2^27; u8 descriptor: bit 7 checksums are present, bits 6-2 zero;
 *     u32 8f92eab1
 *
 * The frames lie without a gap from the file's beginning on. Between the last one and the table other
 * skippable frames may stand.
 */
const TABLE_MAGIC = SKIPPABLE_MAGIC + 0xe;
const FOOTER_MAGIC = 0x8f92eab1;
const FRAME_HEADER_SIZE = 8;
const FOOTER_SIZE = 9;
const CHECKSUMS = 0x80;
const RESERVED = 0x7c;
const MAX_FRAMES = 2 ** 27;
const ENTRY_SIZE = 8;
const ENTRY_SIZE_WITH_CHECKSUM = 12;

export interface SeekTableEntry {
  readonly compressedSize: number;
  readonly contentSize: number;
  readonly checksum: number;
}

/** The table as it is written, with checksums. @throws `ZSTD_TOO_MANY_FRAMES` */
export function encodeSeekTable(entries: readonly SeekTableEntry[]): Uint8Array {
  if (entries.length > MAX_FRAMES) {
    throw new ArchiveError('ZSTD_TOO_MANY_FRAMES', `a seek table holds ${MAX_FRAMES} frames at most`);
  }
  const size = entries.length * ENTRY_SIZE_WITH_CHECKSUM + FOOTER_SIZE;
  const table = Buffer.alloc(FRAME_HEADER_SIZE + size);
  table.writeUInt32LE(TABLE_MAGIC, 0);
  table.writeUInt32LE(size, 4);
  let at = FRAME_HEADER_SIZE;
  for (const { compressedSize, contentSize, checksum } of entries) {
    table.writeUInt32LE(compressedSize, at);
    table.writeUInt32LE(contentSize, at + 4);
    table.writeUInt32LE(checksum, at + 8);
    at += ENTRY_SIZE_WITH_CHECKSUM;
  }
  table.writeUInt32LE(entries.length, at);
  table[at + 4] = CHECKSUMS;
  table.writeUInt32LE(FOOTER_MAGIC, at + 5);
  return table;
}

export interface SeekTable {
  /** The sizes of each frame; checksums are in the frames, too, and are left out. */
  readonly frames: readonly Omit<SeekTableEntry, 'checksum'>[];
  /** Where the table begins in the file. */
  readonly offset: number;
}

/**
 * Reads the table from the end of a file; undefined when there is none.
 * @throws `ZSTD_SEEK_TABLE` when there is a damaged one.
 */
export async function readSeekTable(source: ByteSource): Promise<SeekTable | undefined> {
  if (source.size < FRAME_HEADER_SIZE + FOOTER_SIZE) return undefined;
  const footer = Buffer.alloc(FOOTER_SIZE);
  await readFully(source, footer, source.size - FOOTER_SIZE);
  if (footer.readUInt32LE(5) !== FOOTER_MAGIC) return undefined;
  const count = footer.readUInt32LE(0);
  const descriptor = footer[4]!;
  const entrySize = (descriptor & CHECKSUMS) !== 0 ? ENTRY_SIZE_WITH_CHECKSUM : ENTRY_SIZE;
  const size = count * entrySize + FOOTER_SIZE;
  const offset = source.size - size - FRAME_HEADER_SIZE;
  if ((descriptor & RESERVED) !== 0) throw damaged('reserved bits are set', source.size - FOOTER_SIZE);
  if (count > MAX_FRAMES || offset < 0) throw damaged('it claims too many frames', source.size - FOOTER_SIZE);
  const table = Buffer.alloc(source.size - FOOTER_SIZE - offset);
  await readFully(source, table, offset);
  if (table.readUInt32LE(0) !== TABLE_MAGIC || table.readUInt32LE(4) !== size) {
    throw damaged('its size does not match', offset);
  }
  return { frames: decodeEntries(table.subarray(FRAME_HEADER_SIZE), entrySize, offset), offset };
}

function decodeEntries(bytes: Buffer, entrySize: number, offset: number): SeekTable['frames'] {
  const frames: Omit<SeekTableEntry, 'checksum'>[] = [];
  let compressed = 0;
  for (let at = 0; at < bytes.length; at += entrySize) {
    const entry = { compressedSize: bytes.readUInt32LE(at), contentSize: bytes.readUInt32LE(at + 4) };
    compressed += entry.compressedSize;
    if (entry.compressedSize > largestFrame(entry.contentSize))
      throw damaged('a frame is impossibly large', offset);
    frames.push(entry);
  }
  if (compressed > offset) throw damaged('its frames are larger than the file', offset);
  return frames;
}

/** Well above ZSTD_compressBound, headers and checksum with it. */
function largestFrame(contentSize: number): number {
  return contentSize + (contentSize >>> 7) + 64 * 1024;
}

function damaged(what: string, offset: number): ArchiveError {
  return new ArchiveError('ZSTD_SEEK_TABLE', `damaged seek table: ${what}`, {
    offset,
    hint: 'the content may be whole: decompress it from the beginning',
  });
}
