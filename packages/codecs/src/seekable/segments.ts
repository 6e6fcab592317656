import { ArchiveError, debugLog } from '@vzdump-format/streams';

/** The most that is decompressed, and taken into memory, for the sake of a byte. */
export const MAX_SEGMENT_CONTENT = 64 * 1024 * 1024;

/** A part of a compressed file that can be decompressed by itself. */
export interface Segment {
  /** In the compressed file. */
  readonly offset: number;
  readonly size: number;
  readonly contentSize: number;
  /**
   * What the codec has to know to begin here (lzop: the member's flags; gzip: bits left of the first byte).
   */
  readonly state: number;
  /** gzip: the 32 KiB of content that come before, deflated, as a large file has thousands of them. */
  readonly dictionary?: Uint8Array;
  /** gzip: CRC-32 of the content, since the file has one of each member only. */
  readonly checksum?: number;
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

export const HINT_CONVERT = 'convert it to zstd: what is written here is seekable';
export const HINT_NEW_INDEX = 'make the index anew, in its place';
export const HINT_INDEX = 'make an index of it, or convert it to zstd';
