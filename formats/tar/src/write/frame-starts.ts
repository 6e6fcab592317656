import type { TarEntry } from '../entry.js';
import { wholeBlocks } from '../format.js';
import { pathHash } from '../read/path-hash.js';

/** How much a frame holds, more or less. A member of this size or more begins one. */
const FRAME_SIZE = 2 * 1024 * 1024;
/** In the content of a large member, one begins after each so many bytes. */
export const STEP = 4 * 1024 * 1024;
const HASH_RANGE = 2 ** 32;

/**
 * Told where in the archive a seekable codec should begin a frame, before the bytes there are passed on, so
 * that a change in a tree changes the frames it lies in and no others.
 */
export type OnFrameStart = (offset: number) => void;

/** A member, as far as the frames of a codec go. */
export type MemberShape = Pick<TarEntry, 'path' | 'headerOffset' | 'contentOffset' | 'storedSize'>;

/**
 * Tells where frames begin: at a member with a chance of its size in `FRAME_SIZE`, drawn from its path, and
 * every
 * `STEP` bytes in its content. The rule looks at nothing but the member, so what comes before cannot shift the frames.
 */
export class FrameMarks {
  private next = Number.POSITIVE_INFINITY;

  constructor(private readonly onFrameStart: OnFrameStart | undefined) {}

  /** Its headers have been read or made, and are not passed on yet. */
  member({ path, headerOffset, contentOffset, storedSize }: MemberShape): void {
    if (this.onFrameStart === undefined) return;
    const size = contentOffset - headerOffset + wholeBlocks(storedSize);
    if (pathHash(path) < (size / FRAME_SIZE) * HASH_RANGE) this.onFrameStart(headerOffset);
    this.next = storedSize > STEP ? contentOffset + STEP : Number.POSITIVE_INFINITY;
  }

  /** Bytes of the member's content are at hand, and not passed on yet. */
  content(offset: number, length: number): void {
    while (this.next < offset + length) {
      this.onFrameStart?.(this.next);
      this.next += STEP;
    }
  }
}
