import { ArchiveError } from '@vzdump-format/streams';
import { CHECKED_PIECE, isPieceAsIndexed, type Segment } from './segments.js';

/** What is known of a segment's content: all that there is from its beginning, more each time. */
export type ContentSoFar = AsyncGenerator<Uint8Array>;

/**
 * The content of a segment, decompressed as far as somebody wants it. What is read is proven first, a MiB at
 * a time. Reads take turns.
 */
export class SegmentContent {
  private content: Uint8Array = new Uint8Array(0);
  private readonly proven = new Set<number>();
  private turn: Promise<unknown> = Promise.resolve();
  private isSound = true;
  private failure: unknown;

  /** @param parts stands still where nobody wants more @param mismatch what it is when a checksum is wrong */
  constructor(
    private readonly segment: Segment,
    private readonly parts: ContentSoFar,
    private readonly mismatch: (segment: Segment) => ArchiveError,
  ) {}

  /** Fills `buffer` with what stands at `from`. @throws `INDEX_WRONG`, and what is wrong with the segment */
  copy(buffer: Uint8Array, from: number): Promise<void> {
    return this.inTurn(async () => {
      const to = from + buffer.length;
      await this.decode(this.segment.checksums === undefined ? to : endOfPiece(to));
      this.prove(from, to);
      buffer.set(this.content.subarray(from, to));
    });
  }

  /** Decompresses all of it. */
  prefetch(): Promise<void> {
    return this.inTurn(() => this.decode(this.segment.contentSize));
  }

  /**
   * Ends what is under way, after the reads that wait. @returns whether nothing works on its memory any more
   */
  async close(): Promise<boolean> {
    await this.inTurn(async () => {
      await this.parts.return(undefined);
    }).catch(() => {});
    return this.isSound;
  }

  private inTurn(work: () => Promise<void>): Promise<void> {
    const result = this.turn.then(work);
    this.turn = result.catch(() => {
      this.isSound = false;
    });
    return result;
  }

  private async decode(wanted: number): Promise<void> {
    const { contentSize } = this.segment;
    while (this.content.length < Math.min(wanted, contentSize)) {
      const value = await this.nextPart();
      if (value === undefined) throw wrongSize(this.segment, this.content.length);
      this.content = value;
      if (value.length > contentSize) throw wrongSize(this.segment, value.length);
      if (value.length < contentSize) continue;
      // What is wrong with its end is found when more is asked for.
      if ((await this.nextPart()) !== undefined) throw wrongSize(this.segment, contentSize + 1);
    }
  }

  /** Whoever waits for the same part is told the same of what is wrong with it. */
  private async nextPart(): Promise<Uint8Array | undefined> {
    if (this.failure !== undefined) throw this.failure;
    try {
      return (await this.parts.next()).value;
    } catch (error) {
      this.failure = error;
      throw error;
    }
  }

  private prove(from: number, to: number): void {
    for (let piece = Math.floor(from / CHECKED_PIECE); piece * CHECKED_PIECE < to; piece++) {
      if (this.proven.has(piece)) continue;
      if (!isPieceAsIndexed(this.content, this.segment, piece)) throw this.mismatch(this.segment);
      this.proven.add(piece);
    }
  }
}

/** @param length of its content */
export function wrongSize({ offset, contentSize }: Segment, length: number): ArchiveError {
  const message = `a part has ${length} bytes where the index says ${contentSize}`;
  return new ArchiveError('INDEX_WRONG', message, { offset });
}

function endOfPiece(position: number): number {
  return Math.ceil(position / CHECKED_PIECE) * CHECKED_PIECE;
}
