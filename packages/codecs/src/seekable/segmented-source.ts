import { ArchiveError, type ByteRange, type ByteSource, debugLog, readFully } from '@vzdump-format/streams';
import type { SeekableOptions } from '../codec.js';
import { type SharedMemory, sharedMemory } from '../shared-memory.js';
import { SeekIndex } from './index-file.js';
import { HINT_NEW_INDEX, type PlacedSegment, type Segment, SegmentList } from './segments.js';

const CACHE_BYTES = 64 * 1024 * 1024;

/** The index of the options; undefined without one. @throws `INDEX_STALE`, `INDEX_DAMAGED` */
export async function openIndex(
  source: ByteSource,
  codec: string,
  { index, modified }: SeekableOptions,
): Promise<SeekIndex | undefined> {
  if (index === undefined) return undefined;
  const opened = await SeekIndex.open(index, source, modified);
  if (opened.codec === codec) {
    debugLog('%s: seekable by an index of %d parts', codec, opened.segments.length);
    return opened;
  }
  throw new ArchiveError('INDEX_STALE', `the index is of a ${opened.codec} file, not of a ${codec} file`, {
    hint: HINT_NEW_INDEX,
  });
}

export function openSegments(
  source: ByteSource,
  segments: readonly Segment[],
  decode: SegmentDecoder,
  options: SeekableOptions,
  more: Omit<SegmentedSourceOptions, 'decode' | 'cacheBytes'> = {},
): ByteSource {
  return new SegmentedSource(source, new SegmentList(segments), {
    decode,
    cacheBytes: options.cacheBytes ?? CACHE_BYTES,
    ...more,
  });
}

/**
 * Decompresses a segment; the memory of `compressed` is used again afterwards.
 * @returns `segment.contentSize` bytes, or else the index is wrong
 */
export type SegmentDecoder = (compressed: SharedMemory, segment: Segment) => Promise<Uint8Array>;

/** Decompresses the beginning of a segment, of which it reads no more than that takes. */
export type HeadDecoder = (source: ByteSource, segment: Segment) => Promise<Uint8Array>;

interface SegmentedSourceOptions {
  readonly decode: SegmentDecoder;
  /** How much content to keep, in bytes. */
  readonly cacheBytes: number;
  /** Which tells of the segments, where they need more than that. */
  readonly index?: SeekIndex | undefined;
  readonly decodeHead?: HeadDecoder | undefined;
  /** Whether the segments are what the writer meant to be read each by itself. */
  readonly isInParts?: boolean | undefined;
  /** Called once, when the source is closed. */
  readonly onClose?: () => void;
}

/** How far into a segment its beginning is looked at; and from which size on that is less than all of it. */
const MOST_HEAD = 16 * 1024;
const LEAST_FOR_HEAD = 256 * 1024;
/** Whoever has read so much in a row reads on, most likely: so many segments are decompressed ahead. */
const LONG_RUN = 4 << 20;
const AHEAD = 2;

/** The content of a compressed file, at any offset. Keeps the segments that were used last. */
export class SegmentedSource implements ByteSource {
  readonly size: number;
  readonly partAt?: (offset: number) => ByteRange;
  /** Least recently used first. */
  private readonly cache = new Map<number, Promise<Uint8Array>>();
  private cachedBytes = 0;
  /** What compressed segments are read into: new memory for each would pile up until it is collected. */
  private readonly spareMemory: SharedMemory[] = [];
  /** Where the last read ended, and how much has been read up to there without a gap. */
  private runEnd = 0;
  private runLength = 0;

  constructor(
    private readonly source: ByteSource,
    private readonly list: SegmentList,
    private readonly options: SegmentedSourceOptions,
  ) {
    this.size = list.contentSize;
    if (options.isInParts === true) {
      this.partAt = (offset) => {
        const { contentOffset: start, contentSize } = list.at(offset);
        return { start, end: start + contentSize };
      };
    }
  }

  async readUnproven(buffer: Uint8Array, offset: number): Promise<number> {
    const { decodeHead, index } = this.options;
    const kept = await index?.kept.at(offset, buffer.length);
    if (kept?.length === buffer.length) {
      buffer.set(kept);
      return kept.length;
    }
    if (decodeHead === undefined || offset >= this.size) return this.read(buffer, offset);
    const segment = this.list.at(offset);
    const from = offset - segment.contentOffset;
    const isNear = from + buffer.length <= MOST_HEAD && segment.contentSize >= LEAST_FOR_HEAD;
    if (!isNear || this.cache.has(segment.index)) return this.read(buffer, offset);
    const part = (await decodeHead(this.source, segment)).subarray(from, from + buffer.length);
    if (part.length < buffer.length) return this.read(buffer, offset);
    buffer.set(part);
    return part.length;
  }

  async read(buffer: Uint8Array, offset: number): Promise<number> {
    const length = Math.max(0, Math.min(buffer.length, this.size - offset));
    this.runLength = (offset === this.runEnd ? this.runLength : 0) + length;
    this.runEnd = offset + length;
    for (let filled = 0; filled < length; ) {
      const segment = this.list.at(offset + filled);
      const decoding = this.content(segment);
      this.prefetchBehind(segment);
      const content = await decoding;
      const from = offset + filled - segment.contentOffset;
      const part = content.subarray(from, from + length - filled);
      buffer.set(part, filled);
      filled += part.length;
    }
    return length;
  }

  async close(): Promise<void> {
    this.options.onClose?.();
    this.cache.clear();
    await this.options.index?.close();
    await this.source.close();
  }

  private prefetchBehind({ index, contentSize }: PlacedSegment): void {
    if (this.runLength < LONG_RUN || (AHEAD + 2) * contentSize > this.options.cacheBytes) return;
    for (const segment of this.list.following(index, AHEAD)) void this.content(segment).catch(() => {});
  }

  private content(segment: PlacedSegment): Promise<Uint8Array> {
    const { index, contentSize } = segment;
    const known = this.cache.get(index);
    const content = known ?? this.decode(segment);
    this.cache.delete(index);
    this.cache.set(index, content);
    if (known !== undefined) return content;
    content.catch(() => this.forget(index, contentSize)); // so that it can be tried again
    this.cachedBytes += contentSize;
    for (const oldest of this.cache.keys()) {
      if (this.cachedBytes <= this.options.cacheBytes || oldest === index) break;
      this.forget(oldest, this.list.segments[oldest]!.contentSize);
    }
    return content;
  }

  private forget(index: number, contentSize: number): void {
    if (this.cache.delete(index)) this.cachedBytes -= contentSize;
  }

  private takeMemory(size: number): SharedMemory {
    const at = this.spareMemory.findIndex(({ length }) => length >= size);
    return at < 0 ? sharedMemory(size) : this.spareMemory.splice(at, 1)[0]!;
  }

  private async decode(segment: PlacedSegment): Promise<Uint8Array> {
    const memory = this.takeMemory(segment.size);
    const compressed = memory.subarray(0, segment.size);
    await readFully(this.source, compressed, segment.offset);
    const { decode, index } = this.options;
    const content = await decode(compressed, (await index?.withDictionary(segment.index)) ?? segment);
    this.spareMemory.push(memory); // not after a failure: a call under way may still read it
    if (this.spareMemory.length > AHEAD + 1) this.spareMemory.shift();
    if (content.length === segment.contentSize) return content;
    const message = `a part has ${content.length} bytes where the index says ${segment.contentSize}`;
    throw new ArchiveError('INDEX_WRONG', message, { offset: segment.offset });
  }
}
