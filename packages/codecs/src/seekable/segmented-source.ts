import { ArchiveError, type ByteSource, readFully } from '@vzdump-format/streams';
import { type SharedMemory, sharedMemory } from '../shared-memory.js';
import type { PlacedSegment, Segment, SegmentList } from './segments.js';

/** Decompresses a segment. @returns `segment.contentSize` bytes, or else the index is wrong. */
export type SegmentDecoder = (compressed: SharedMemory, segment: Segment) => Promise<Uint8Array>;

export interface SegmentedSourceOptions {
  readonly decode: SegmentDecoder;
  /** How much content to keep, in bytes. */
  readonly cacheBytes: number;
  /** Called once, when the source is closed. */
  readonly onClose?: () => void;
}

/** The content of a compressed file, at any offset. Keeps the segments that were used last. */
export class SegmentedSource implements ByteSource {
  readonly size: number;
  /** Least recently used first. */
  private readonly cache = new Map<number, Promise<Uint8Array>>();
  private cachedBytes = 0;

  constructor(
    private readonly source: ByteSource,
    private readonly list: SegmentList,
    private readonly options: SegmentedSourceOptions,
  ) {
    this.size = list.contentSize;
  }

  async read(buffer: Uint8Array, offset: number): Promise<number> {
    const length = Math.max(0, Math.min(buffer.length, this.size - offset));
    for (let filled = 0; filled < length; ) {
      const segment = this.list.at(offset + filled);
      const content = await this.content(segment);
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
    await this.source.close();
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

  private async decode(segment: Segment): Promise<Uint8Array> {
    const compressed = sharedMemory(segment.size);
    await readFully(this.source, compressed, segment.offset);
    const content = await this.options.decode(compressed, segment);
    if (content.length === segment.contentSize) return content;
    const message = `a part has ${content.length} bytes where the index says ${segment.contentSize}`;
    throw new ArchiveError('INDEX_WRONG', message, { offset: segment.offset });
  }
}
