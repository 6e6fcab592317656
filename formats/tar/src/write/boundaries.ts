import type { OnBoundary } from '@vzdump-format/streams';
import { wholeBlocks } from '../format.js';
import type { TarEntry } from '../read/member.js';
import { pathHash } from '../read/member-index.js';

/** How much lies between two boundaries, more or less. A member of this size or more begins at one. */
const SPACING = 2 * 1024 * 1024;
/** In the content of a large member, there is one after each so many bytes. */
export const STEP = 4 * 1024 * 1024;
const HASH_RANGE = 2 ** 32;

/** A member, as far as boundaries go. */
export type MemberShape = Pick<TarEntry, 'path' | 'headerOffset' | 'contentOffset' | 'storedSize'>;

/**
 * Tells where an archive is best divided: at a member with a chance of its size in `SPACING`, drawn from its
 * path, and every `STEP` bytes in its content. The rule looks at nothing but the member, so what comes before
 * cannot shift the boundaries.
 */
export class BoundaryMarks {
  private next = Number.POSITIVE_INFINITY;

  constructor(private readonly onBoundary: OnBoundary | undefined) {}

  /** Its headers have been read or made, and are not passed on yet. */
  member({ path, headerOffset, contentOffset, storedSize }: MemberShape): void {
    if (this.onBoundary === undefined) return;
    const size = contentOffset - headerOffset + wholeBlocks(storedSize);
    if (pathHash(path) < (size / SPACING) * HASH_RANGE) this.onBoundary(headerOffset);
    this.next = storedSize > STEP ? contentOffset + STEP : Number.POSITIVE_INFINITY;
  }

  /** Bytes of the member's content are at hand, and not passed on yet. */
  content(offset: number, length: number): void {
    while (this.next < offset + length) {
      this.onBoundary?.(this.next);
      this.next += STEP;
    }
  }
}
