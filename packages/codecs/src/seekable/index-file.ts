import { ArchiveError, type ByteSource, debugLog, readFully } from '@vzdump-format/streams';
import type { IndexOptions, ScanOptions } from '../codec.js';
import { crc32 } from '../crc32.js';
import { type IndexPart, type KeptGroup, KeptRanges, KeptWriter, MAX_GROUP_SIZE } from './kept-ranges.js';
import {
  checksumCount,
  HINT_CONVERT,
  HINT_NEW_INDEX,
  indexDamaged,
  MAX_SEGMENT_CONTENT,
  MAX_SEGMENT_SIZE,
  notSeekable,
  type Segment,
} from './segments.js';

/**
 * An index of a compressed file, kept beside it. Little endian:
 *
 *     8   magic "VZDFIDX2", of which the last byte is the version
 *     8   name of the codec, padded with zeros
 *     the dictionaries, one behind the other, and between them the groups of kept ranges
 *     the table, of each segment:
 *         6   offset in the compressed file, 4 compressed size, 4 content size, 4 state
 *         6   place of its dictionary in the index, 4 length, 4 CRC-32; zeros where it needs none
 *         2   number of checksums, 4 for each: CRC-32 of a MiB of the content
 *     and of each group of kept ranges:
 *         6   where in the content the first of them begins; 6 place in the index, 4 length, 4 CRC-32
 *     the footer:
 *         6   place of the table, which ends where the footer begins; 4 number of segments
 *         4   CRC-32 of magic, name and table
 *         8   size of the compressed file, 8 its modification time in nanoseconds, zero where unknown
 *         4   CRC-32 of its first 64 KiB, 4 of its last 64 KiB
 *         4   number of groups, 4 CRC-32 of the footer up to here
 *
 * The table is held in memory. A dictionary or a group is read, and its CRC-32 checked, when it is needed.
 */
const MAGIC = Buffer.from('VZDFIDX2');
const FORMER_MAGIC = Buffer.from('VZDFIDX1');
const HEADER_SIZE = 16;
const ENTRY_SIZE = 34;
const GROUP_ENTRY_SIZE = 20;
const FOOTER_SIZE = 46;
const END_SIZE = 64 * 1024;
/** Some 14 million segments. */
const MAX_TABLE_SIZE = 512 * 1024 * 1024;
const NOTHING = new Uint8Array(0);

/** A segment as the table has it. */
interface IndexedSegment extends Omit<Segment, 'dictionary'> {
  readonly stored: IndexPart;
}

/** Goes through a compressed file and divides it. @throws what is wrong with it */
type Scan = (source: ByteSource, options: ScanOptions) => AsyncIterable<Segment> | Iterable<Segment>;

/** The bytes to keep beside the compressed file, as its segments are found. @throws what `scan` throws */
export async function* encodeIndex(
  source: ByteSource,
  codec: string,
  scan: Scan,
  options: IndexOptions = {},
): AsyncGenerator<Uint8Array> {
  const { modified = 0n, onProgress, keep } = options;
  const header = Buffer.alloc(HEADER_SIZE);
  MAGIC.copy(header);
  header.write(codec, MAGIC.length, 'latin1');
  yield header;
  const entries: Buffer[] = [];
  const groups: Buffer[] = [];
  const kept = new KeptWriter();
  const onContent = async (content: Uint8Array) => kept.add(await keep!(content));
  let place = HEADER_SIZE;
  const placed = function* (found: ReturnType<typeof kept.take>) {
    for (const group of found) {
      groups.push(encodeGroup(group, place));
      place += group.bytes.length;
      yield group.bytes;
    }
  };
  for await (const segment of scan(source, { ...options, onContent: keep && onContent })) {
    const { offset, size, dictionary = NOTHING } = segment;
    if (size > MAX_SEGMENT_SIZE) {
      throw notSeekable(`${segment.contentSize} bytes take ${size} when compressed`, HINT_CONVERT);
    }
    entries.push(encodeEntry(segment, place));
    if (dictionary.length > 0) yield dictionary;
    place += dictionary.length;
    yield* placed(kept.take());
    onProgress?.(offset + size);
  }
  yield* placed(kept.takeLast());
  const table = Buffer.concat([...entries, ...groups]);
  if (table.length > MAX_TABLE_SIZE) throw notSeekable('it has too many parts', HINT_CONVERT);
  yield table;
  const footer = Buffer.alloc(FOOTER_SIZE);
  footer.writeUIntLE(place, 0, 6);
  footer.writeUInt32LE(entries.length, 6);
  footer.writeUInt32LE(crc32(table, crc32(header)), 10);
  footer.writeBigUInt64LE(BigInt(source.size), 14);
  footer.writeBigUInt64LE(modified, 22);
  for (const [end, crc] of (await endChecksums(source)).entries()) footer.writeUInt32LE(crc, 30 + 4 * end);
  footer.writeUInt32LE(groups.length, 38);
  footer.writeUInt32LE(crc32(footer.subarray(0, 42)), 42);
  yield footer;
}

function encodeGroup(
  { start, bytes }: { readonly start: number; readonly bytes: Buffer },
  place: number,
): Buffer {
  const entry = Buffer.alloc(GROUP_ENTRY_SIZE);
  entry.writeUIntLE(start, 0, 6);
  entry.writeUIntLE(place, 6, 6);
  entry.writeUInt32LE(bytes.length, 12);
  entry.writeUInt32LE(crc32(bytes), 16);
  return entry;
}

function encodeEntry(segment: Segment, place: number): Buffer {
  const { offset, size, contentSize, state, checksums = [], dictionary = NOTHING } = segment;
  const entry = Buffer.alloc(ENTRY_SIZE + 4 * checksums.length);
  entry.writeUIntLE(offset, 0, 6);
  entry.writeUInt32LE(size, 6);
  entry.writeUInt32LE(contentSize, 10);
  entry.writeUInt32LE(state, 14);
  if (dictionary.length > 0) {
    entry.writeUIntLE(place, 18, 6);
    entry.writeUInt32LE(dictionary.length, 24);
    entry.writeUInt32LE(crc32(dictionary), 28);
  }
  entry.writeUInt16LE(checksums.length, 32);
  for (const [index, sum] of checksums.entries()) entry.writeUInt32LE(sum, ENTRY_SIZE + 4 * index);
  return entry;
}

/** An index whose table is known to fit to its file. Its checksums prove that it is as it was written. */
export class SeekIndex {
  private constructor(
    private readonly index: ByteSource,
    readonly codec: string,
    readonly segments: readonly IndexedSegment[],
    /** What of the content is in the index itself. */
    readonly kept: KeptRanges,
  ) {}

  /**
   * @param index stays the caller's to close when this throws
   * @throws `INDEX_DAMAGED`; `INDEX_STALE` when it is of another file, or of what the file was
   */
  static async open(index: ByteSource, source: ByteSource, modified?: bigint): Promise<SeekIndex> {
    const header = Buffer.alloc(HEADER_SIZE);
    const headerLength = await index.read(header, 0);
    if (header.subarray(0, 8).equals(FORMER_MAGIC)) throw stale('is of a former version');
    const least = HEADER_SIZE + FOOTER_SIZE;
    if (headerLength < HEADER_SIZE || index.size < least || !header.subarray(0, 8).equals(MAGIC)) {
      throw indexDamaged('it is no index');
    }
    const footer = await readPart(index, index.size - FOOTER_SIZE, FOOTER_SIZE);
    if (crc32(footer.subarray(0, 42)) !== footer.readUInt32LE(42)) throw indexDamaged('its end is damaged');
    await requireSameFile(footer, source, modified);
    const place = footer.readUIntLE(0, 6);
    const size = index.size - FOOTER_SIZE - place;
    const [count, groupCount] = [footer.readUInt32LE(6), footer.readUInt32LE(38)];
    const leastTable = count * ENTRY_SIZE + groupCount * GROUP_ENTRY_SIZE;
    if (place < HEADER_SIZE || size < leastTable || size > MAX_TABLE_SIZE) {
      throw indexDamaged('its table has no place in it');
    }
    const table = await readPart(index, place, size);
    if (crc32(table, crc32(header)) !== footer.readUInt32LE(10))
      throw indexDamaged('its checksum does not match');
    const codec = header.toString('latin1', MAGIC.length).replace(/\0+$/, '');
    const groupsAt = size - groupCount * GROUP_ENTRY_SIZE;
    const segments = decodeTable(table.subarray(0, groupsAt), { count, place }, source);
    const groups = decodeGroups(table.subarray(groupsAt), place);
    const kept = new KeptRanges(groups, (part) => readChecked(index, part));
    return new SeekIndex(index, codec, segments, kept);
  }

  /** The segment with its dictionary. @throws `INDEX_DAMAGED` */
  async withDictionary(at: number): Promise<Segment> {
    const segment = this.segments[at]!;
    if (segment.stored.length === 0) return segment;
    return { ...segment, dictionary: await readChecked(this.index, segment.stored, segment.offset) };
  }

  async close(): Promise<void> {
    await this.index.close();
  }
}

/** @throws `INDEX_STALE` */
async function requireSameFile(footer: Buffer, source: ByteSource, modified?: bigint): Promise<void> {
  const sums = await endChecksums(source);
  const isSame =
    footer.readBigUInt64LE(14) === BigInt(source.size) &&
    sums.every((crc, end) => crc === footer.readUInt32LE(30 + 4 * end));
  if (!isSame) throw stale('belongs to another file, or the file has changed since');
  const known = footer.readBigUInt64LE(22);
  if (known !== 0n && modified !== undefined && known !== modified) {
    debugLog('the index is used although the file has another time: its size and its ends are the same');
  }
}

function decodeTable(
  table: Buffer,
  { count, place }: { readonly count: number; readonly place: number },
  source: ByteSource,
): IndexedSegment[] {
  const segments: IndexedSegment[] = [];
  let reached = 0;
  let at = 0;
  for (let index = 0; index < count; index++) {
    if (at + ENTRY_SIZE > table.length) throw indexDamaged('it ends too early');
    const next = at + ENTRY_SIZE + 4 * table.readUInt16LE(at + 32);
    if (next > table.length) throw indexDamaged('it ends too early');
    const segment = decodeEntry(table.subarray(at, next));
    requireInside(segment, source, place);
    const { offset, size } = segment;
    // The last byte of a deflate segment may hold the first bits of the next.
    if (offset < reached - 1) throw indexDamaged('its segments overlap');
    reached = offset + size;
    segments.push(segment);
    at = next;
  }
  if (at !== table.length) throw indexDamaged('it has more segments than it says');
  return segments;
}

function decodeEntry(entry: Buffer): IndexedSegment {
  const checksums: number[] = [];
  for (let at = ENTRY_SIZE; at < entry.length; at += 4) checksums.push(entry.readUInt32LE(at));
  return {
    offset: entry.readUIntLE(0, 6),
    size: entry.readUInt32LE(6),
    contentSize: entry.readUInt32LE(10),
    state: entry.readUInt32LE(14),
    stored: {
      place: entry.readUIntLE(18, 6),
      length: entry.readUInt32LE(24),
      crc: entry.readUInt32LE(28),
    },
    ...(checksums.length > 0 ? { checksums } : {}),
  };
}

/** Its checksum proves that an index is as it was written, and not that it was written by us. */
function requireInside(segment: IndexedSegment, source: ByteSource, end: number): void {
  const { offset, size, contentSize, checksums, stored } = segment;
  if (offset + size > source.size) throw indexDamaged('a segment lies outside of the file');
  if (contentSize > MAX_SEGMENT_CONTENT || size > MAX_SEGMENT_SIZE)
    throw indexDamaged('a segment is impossibly large');
  if (checksums !== undefined && checksums.length !== checksumCount(contentSize)) {
    throw indexDamaged('a segment has checksums of another content');
  }
  if (stored.length === 0) return;
  if (stored.place < HEADER_SIZE || stored.place + stored.length > end) {
    throw indexDamaged('a dictionary lies outside of it');
  }
  // No more of what comes before can be needed than there is content to copy it to.
  if (stored.length > END_SIZE + 2 * contentSize) throw indexDamaged('a dictionary is impossibly large');
}

/** Of the first and of the last bytes. */
async function endChecksums(source: ByteSource): Promise<number[]> {
  const length = Math.min(END_SIZE, source.size);
  const end = Buffer.alloc(length);
  const sums: number[] = [];
  for (const offset of [0, source.size - length]) {
    await readFully(source, end, offset);
    sums.push(crc32(end));
  }
  return sums;
}

function decodeGroups(table: Buffer, end: number): KeptGroup[] {
  const groups: KeptGroup[] = [];
  for (let at = 0; at < table.length; at += GROUP_ENTRY_SIZE) {
    const [start, place] = [table.readUIntLE(at, 6), table.readUIntLE(at + 6, 6)];
    const [length, crc] = [table.readUInt32LE(at + 12), table.readUInt32LE(at + 16)];
    if (place + length > end || length > MAX_GROUP_SIZE) throw indexDamaged('kept ranges lie outside of it');
    groups.push({ start, place, length, crc });
  }
  return groups;
}

/** @param offset in the compressed file, of what is concerned */
async function readChecked(index: ByteSource, part: IndexPart, offset?: number): Promise<Buffer> {
  const bytes = await readPart(index, part.place, part.length);
  if (crc32(bytes) === part.crc) return bytes;
  throw indexDamaged('a part of it is not as it was written', offset);
}

async function readPart(index: ByteSource, offset: number, length: number): Promise<Buffer> {
  const part = Buffer.alloc(length);
  if ((await index.read(part, offset)) < length) throw indexDamaged('it ends too early');
  return part;
}

function stale(what: string): ArchiveError {
  return new ArchiveError('INDEX_STALE', `the index ${what}`, { hint: HINT_NEW_INDEX });
}
