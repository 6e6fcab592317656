import {
  ArchiveError,
  type ByteRange,
  type ByteSource,
  debugLog,
  readChunks,
  readFully,
} from '@vzdump-format/streams';
import { SpareMemory } from '../buffers.js';
import type { SeekableOptions } from '../codec.js';
import { decodeInOrder } from '../concurrency.js';
import type { SharedMemory } from '../shared-memory.js';
import { SeekIndex } from './index-file.js';
import { type ContentSoFar, SegmentContent, wrongSize } from './segment-content.js';
import {
  CHECKED_PIECE,
  HINT_NEW_INDEX,
  isPieceAsIndexed,
  type PlacedSegment,
  type Segment,
  SegmentList,
} from './segments.js';

const NOTHING = new Uint8Array(0);
const CACHE_BYTES = 128 * 1024 * 1024;
const IN_ORDER_BYTES = 128 * 1024 * 1024;

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

/** @param decoder is closed with the content */
export function openSegments(
  source: ByteSource,
  segments: readonly Segment[],
  decoder: SegmentDecoder,
  options: SeekableOptions,
  index?: SeekIndex,
): ByteSource {
  return new SegmentedSource(source, new SegmentList(segments), decoder, index, options);
}

/** How a codec decompresses segments. */
export interface SegmentDecoder {
  /** How much room is wanted in front of the compressed bytes. */
  readonly headRoom?: number;
  /** How many segments are decompressed at a time; 1 unless given. */
  readonly threads?: number;
  /** Whether the segments are what the writer meant to be read each by itself. */
  readonly isInParts?: boolean;
  /**
   * Decompresses all of a segment. The memory of `compressed` is used again afterwards.
   * @param output room for the content
   * @returns the content, there or elsewhere; of another size than the segment's when the index is wrong
   */
  decode(compressed: SharedMemory, segment: Segment, output: SharedMemory): Promise<Uint8Array>;
  /**
   * The same for whoever wants the beginning first; of segments that have checksums.
   * @param output room for the content
   * @returns the content so far, in pieces
   */
  decodeInPieces?(source: ByteSource, segment: Segment, output: SharedMemory): ContentSoFar;
  /** How much memory a segment takes beside its content while it is decompressed, in bytes. */
  stateSize?(segment: Segment): number;
  /** Decompresses the beginning of a segment, of which it reads no more than that takes. */
  decodeHead?(source: ByteSource, segment: Segment): Promise<Uint8Array>;
  /** What it is when a checksum of the index is wrong. */
  mismatch(segment: Segment): ArchiveError;
  close?(): void;
}

/**
 * The bytes of a source in order, from its beginning. Of what `openSeekable` has opened by an index or a seek
 * table, several parts are decompressed at a time, in some 128 MiB of memory. A chunk is valid until the next
 * is asked for. Ending the iteration leaves the source open.
 * @throws what is wrong with the content, behind all that comes before it
 * @example for await (const chunk of readInOrder(await openSeekable(file, { index }))) …
 */
export function readInOrder(content: ByteSource, signal?: AbortSignal): AsyncIterable<Uint8Array> {
  return content instanceof SegmentedSource ? content.inOrder(signal) : readChunks(content, { signal });
}

/** How far into a segment its beginning is looked at; and from which size on that is less than all of it. */
const MOST_HEAD = 16 * 1024;
const LEAST_FOR_HEAD = 256 * 1024;
/** Whoever has read so much in a row reads on, most likely: segments are decompressed ahead. */
const LONG_RUN = 4 << 20;

/** What is kept of a segment. */
interface Kept {
  readonly content: SegmentContent;
  readonly output: SharedMemory;
  /** How much memory it takes, at most. */
  readonly size: number;
}

/**
 * The content of a compressed file, at any offset. A segment is decompressed as far as it is read, and as a
 * whole ahead of whoever reads on and on. Keeps the segments that were used last, and goes on where it
 * stopped in them.
 */
class SegmentedSource implements ByteSource {
  readonly size: number;
  readonly partAt?: (offset: number) => ByteRange;
  readonly readAtHand?: (buffer: Uint8Array, offset: number) => Promise<number>;
  /** Least recently used first. */
  private readonly kept = new Map<number, Kept>();
  private keptSize = 0;
  private readonly mostKept: number;
  private readonly compressedMemory: SpareMemory;
  private readonly contentMemory: SpareMemory;
  /** Where the last read ended, and how much has been read up to there without a gap. */
  private runEnd = 0;
  private runLength = 0;

  constructor(
    private readonly source: ByteSource,
    private readonly list: SegmentList,
    private readonly decoder: SegmentDecoder,
    private readonly index: SeekIndex | undefined,
    { cacheBytes = CACHE_BYTES }: SeekableOptions,
  ) {
    this.size = list.contentSize;
    this.mostKept = cacheBytes;
    const { headRoom = 0 } = decoder;
    this.compressedMemory = new SpareMemory(headRoom + list.largest('size'));
    this.contentMemory = new SpareMemory(list.largest('contentSize'));
    if (decoder.isInParts === true) {
      this.partAt = (offset) => {
        const { contentOffset: start, contentSize } = list.at(offset);
        return { start, end: start + contentSize };
      };
    }
    if (index?.kept.isEmpty === false) {
      this.readAtHand = async (buffer, offset) => {
        const bytes = await index.kept.at(offset, buffer.length);
        buffer.set(bytes ?? NOTHING);
        return bytes?.length ?? 0;
      };
    }
  }

  async readUnproven(buffer: Uint8Array, offset: number): Promise<number> {
    if ((await this.readAtHand?.(buffer, offset)) === buffer.length) return buffer.length;
    const { decoder } = this;
    if (decoder.decodeHead === undefined || offset >= this.size) return this.read(buffer, offset);
    const segment = this.list.at(offset);
    const from = offset - segment.contentOffset;
    const isNear = from + buffer.length <= MOST_HEAD && segment.contentSize >= LEAST_FOR_HEAD;
    if (!isNear || this.kept.has(segment.index)) return this.read(buffer, offset);
    const part = (await decoder.decodeHead(this.source, segment)).subarray(from, from + buffer.length);
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
      const from = offset + filled - segment.contentOffset;
      const part = buffer.subarray(filled, Math.min(length, filled + segment.contentSize - from));
      const { content } = this.keep(segment, 'as it is read');
      const copying = content.copy(part, from);
      this.prefetchBehind(segment);
      await copying.catch((error: unknown) => {
        this.forget(segment.index, content); // so that it can be tried again
        throw error;
      });
      filled += part.length;
    }
    return length;
  }

  /**
   * All of it from its beginning, several segments at a time. A chunk is valid until the next is asked for.
   * What comes before a segment that cannot be read is given out first.
   */
  inOrder(signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    const { list, decoder } = this;
    return decodeInOrder(list.inOrder(), {
      tasks: (decoder.threads ?? 1) + 2, // one is given out, and one is fetched
      mostBytes: IN_ORDER_BYTES,
      sizeOf: (segment) => this.sizeOf(segment) + segment.size,
      decode: async (segment) => {
        signal?.throwIfAborted();
        const output = this.contentMemory.take(segment.contentSize);
        const content = await this.decodeWhole(segment, output);
        if (content.length !== segment.contentSize) throw wrongSize(segment, content.length);
        return { segment, content, output };
      },
      deliver: ({ segment, content, output }) => this.deliver(segment, content, output),
    });
  }

  private *deliver(segment: Segment, content: Uint8Array, output: SharedMemory): Generator<Uint8Array> {
    for (let at = 0; at < content.length; at += CHECKED_PIECE) {
      if (!isPieceAsIndexed(content, segment, at / CHECKED_PIECE)) throw this.decoder.mismatch(segment);
      yield content.subarray(at, at + CHECKED_PIECE);
    }
    this.contentMemory.give(output);
  }

  async close(): Promise<void> {
    for (const { content } of this.kept.values()) await content.close();
    this.kept.clear();
    this.decoder.close?.();
    await this.index?.close();
    await this.source.close();
  }

  /** So many that, with the one that is read, all find room. */
  private prefetchBehind(segment: PlacedSegment): void {
    if (this.runLength < LONG_RUN) return;
    const { threads = 1 } = this.decoder;
    const ahead: PlacedSegment[] = [];
    let room = this.mostKept - this.sizeOf(segment);
    for (const next of this.list.following(segment.index, threads)) {
      room -= this.sizeOf(next);
      if (room < 0) break;
      ahead.push(next);
    }
    // The nearest are used last, so that what was read before goes first.
    for (const next of ahead.toReversed()) {
      const isNew = !this.kept.has(next.index);
      const { content } = this.keep(next, 'whole');
      if (isNew) content.prefetch().catch(() => this.forget(next.index, content));
    }
    this.keep(segment, 'as it is read');
  }

  private sizeOf(segment: Segment): number {
    return segment.contentSize + (this.decoder.stateSize?.(segment) ?? 0);
  }

  private keep(segment: PlacedSegment, how: 'whole' | 'as it is read'): Kept {
    const { index } = segment;
    const known = this.kept.get(index);
    const kept = known ?? this.open(segment, how);
    this.kept.delete(index);
    this.kept.set(index, kept);
    if (known !== undefined) return kept;
    this.keptSize += kept.size;
    for (const [oldest, { content }] of this.kept) {
      if (this.keptSize <= this.mostKept || oldest === index) break;
      this.forget(oldest, content);
    }
    return kept;
  }

  private forget(index: number, content: SegmentContent): void {
    const kept = this.kept.get(index);
    if (kept?.content !== content) return;
    this.kept.delete(index);
    this.keptSize -= kept.size;
    void content.close().then((isSound) => {
      if (isSound) this.contentMemory.give(kept.output);
    });
  }

  private open(segment: PlacedSegment, how: 'whole' | 'as it is read'): Kept {
    const output = this.contentMemory.take(segment.contentSize);
    const inPieces = how === 'as it is read' && segment.checksums !== undefined;
    const parts =
      inPieces && this.decoder.decodeInPieces !== undefined
        ? this.pieces(segment, output)
        : this.whole(segment, output);
    const content = new SegmentContent(segment, parts, (of) => this.decoder.mismatch(of));
    return { content, output, size: this.sizeOf(segment) };
  }

  private async *pieces(segment: PlacedSegment, output: SharedMemory): ContentSoFar {
    yield* this.decoder.decodeInPieces!(this.source, await this.begun(segment), output);
  }

  private async *whole(segment: PlacedSegment, output: SharedMemory): ContentSoFar {
    const content = await this.decodeWhole(segment, output);
    if (content.length > 0) yield content;
  }

  private async decodeWhole(segment: PlacedSegment, output: SharedMemory): Promise<Uint8Array> {
    const { headRoom = 0 } = this.decoder;
    const compressed = this.compressedMemory.take(headRoom + segment.size);
    await readFully(this.source, compressed.subarray(headRoom), segment.offset);
    const content = await this.decoder.decode(compressed, await this.begun(segment), output);
    this.compressedMemory.give(compressed); // not after a failure: a call under way may still read it
    return content;
  }

  /** With what its decoder begins with. @throws `INDEX_DAMAGED` */
  private async begun(segment: PlacedSegment): Promise<Segment> {
    return (await this.index?.withDictionary(segment.index)) ?? segment;
  }
}
