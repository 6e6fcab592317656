import { LibraryError } from '../errors.js';

export function damaged(what: string): LibraryError {
  return new LibraryError(what);
}

/** So many fit into one reading, wherever they begin. */
const MOST_AT_ONCE = 24;

/**
 * A bit stream that is read from its end: above its first bit stands a one, and before its last come zeros
 * without end.
 */
export class BackwardBits {
  /** How many bits are left; negative when more were read than there are. */
  left: number;

  constructor(
    private readonly bytes: Uint8Array,
    private readonly start: number,
    end: number,
  ) {
    const last = end > start ? bytes[end - 1]! : 0;
    if (last === 0) throw damaged('a bit stream does not begin');
    this.left = (end - start) * 8 - (Math.clz32(last) - 24) - 1;
  }

  read(count: number): number {
    if (count > MOST_AT_ONCE) {
      const high = this.read(count - MOST_AT_ONCE);
      return high * 2 ** MOST_AT_ONCE + this.read(MOST_AT_ONCE);
    }
    const bits = this.peek(count);
    this.left -= count;
    return bits;
  }

  /** @param count 24 at most */
  peek(count: number): number {
    const from = this.left - count;
    if (from >= 0) return this.at(from, count);
    return this.left > 0 ? this.at(0, this.left) << -from : 0;
  }

  /** @throws LibraryError unless all of it was read, and no more */
  expectEnd(): void {
    if (this.left !== 0) throw damaged('a bit stream does not end where it should');
  }

  private at(position: number, count: number): number {
    const { bytes } = this;
    const at = this.start + (position >> 3);
    const word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    return (word >>> (position & 7)) & ((1 << count) - 1);
  }
}
