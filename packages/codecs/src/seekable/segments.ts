import { ArchiveError, debugLog } from '@vzdump-format/streams';
import { crc32 } from '../crc32.js';

/** The most that is decompressed, and taken into memory, for the sake of a byte. */
export const MAX_SEGMENT_CONTENT = 64 * 1024 * 1024;
/** Compressed, which may be more than the content: what holds nothing may be of any length. */
export const MAX_SEGMENT_SIZE = 2 * MAX_SEGMENT_CONTENT;

/** A part of a compressed file that can be decompressed by itself. */
export interface Segment {
  /** In the compressed file. */
  readonly offset: number;
  readonly size: number;
  readonly contentSize: number;
  /**
   * What the codec has to know to begin here (lzop: the member's flags; gzip: bits left of the first byte;
   * zstd: the window of the frame that it begins within).
   */
  readonly state: number;
  /** gzip: the 32 KiB of content that come before, deflated; zstd: what `encodeState` gives, compressed. */
  readonly dictionary?: Uint8Array;
  /** CRC-32 of each MiB of the content, where the file does not have a checksum of each part. */
  readonly checksums?: readonly number[];
}

/** So much content has a checksum of its own in an index. */
export const CHECKED_PIECE = 1 << 20;

/** Checksums of content that comes in pieces. */
export class PieceChecksums {
  private readonly sums: number[] = [];
  private crc = 0;
  private length = 0;

  add(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      const piece = bytes.subarray(at, at + CHECKED_PIECE - this.length);
      this.crc = crc32(piece, this.crc);
      this.length += piece.length;
      at += piece.length;
      if (this.length === CHECKED_PIECE) this.endPiece();
    }
  }

  /** Those of all that was added since they were taken last. */
  take(): number[] {
    if (this.length > 0) this.endPiece();
    return this.sums.splice(0);
  }

  private endPiece(): void {
    this.sums.push(this.crc);
    this.crc = 0;
    this.length = 0;
  }
}

export function contentChecksums(content: Uint8Array): number[] {
  const sums = new PieceChecksums();
  sums.add(content);
  return sums.take();
}

/**
 * Whether a MiB of content is what it was when the index was made, as far as the index knows.
 * @param piece which one
 */
export function isPieceAsIndexed(content: Uint8Array, { checksums }: Segment, piece: number): boolean {
  if (checksums === undefined) return true;
  const start = piece * CHECKED_PIECE;
  return crc32(content.subarray(start, start + CHECKED_PIECE)) === checksums[piece];
}

/** How many checksums a content of this size has. */
export function checksumCount(contentSize: number): number {
  return Math.ceil(contentSize / CHECKED_PIECE);
}

/** A segment, and where its content begins. */
export interface PlacedSegment extends Segment {
  readonly index: number;
  readonly contentOffset: number;
}

/** The segments of a file in order, without a gap in the content. */
export class SegmentList {
  private readonly contentOffsets: number[] = [];
  contentSize = 0;

  constructor(readonly segments: readonly Segment[]) {
    for (const segment of segments) {
      this.contentOffsets.push(this.contentSize);
      this.contentSize += segment.contentSize;
    }
  }

  largest(of: 'size' | 'contentSize'): number {
    return this.segments.reduce((most, segment) => Math.max(most, segment[of]), 0);
  }

  /** The segment that holds the byte at `position` of the content, which is below `contentSize`. */
  at(position: number): PlacedSegment {
    let low = 0;
    let high = this.segments.length;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if (this.contentOffsets[middle]! <= position) low = middle;
      else high = middle;
    }
    return this.placed(low);
  }

  async *inOrder(): AsyncGenerator<PlacedSegment> {
    for (let index = 0; index < this.segments.length; index++) yield this.placed(index);
  }

  /** Up to `count` segments behind one. */
  following(index: number, count: number): PlacedSegment[] {
    const last = Math.min(this.segments.length - 1, index + count);
    return Array.from({ length: Math.max(0, last - index) }, (_, at) => this.placed(index + 1 + at));
  }

  private placed(index: number): PlacedSegment {
    return { ...this.segments[index]!, index, contentOffset: this.contentOffsets[index]! };
  }
}

/** @param hint the way out. */
export function notSeekable(what: string, hint: string): ArchiveError {
  debugLog('not seekable: %s', what);
  return new ArchiveError('NOT_SEEKABLE', `cannot be read at any offset: ${what}`, { hint });
}

/** @param offset in the compressed file, where only some of it is concerned */
export function indexDamaged(what: string, offset?: number): ArchiveError {
  return new ArchiveError('INDEX_DAMAGED', `the index cannot be used: ${what}`, {
    hint: HINT_NEW_INDEX,
    ...(offset === undefined ? {} : { offset }),
  });
}

export const HINT_CONVERT = 'convert it to zstd: what is written here is seekable';
export const HINT_NEW_INDEX = 'make the index anew, in its place';
export const HINT_INDEX = 'make an index of it, or convert it to zstd';
