import type { FileRange } from '@vzdump-format/streams';
import { nativeCalls } from '../native/native-calls.js';

/** In milliseconds: as long as the event loop may stand still, which is less than a user would notice. */
const COPYING_TIME = 10;
/** What one call copies, which takes less than a millisecond where files are in memory. */
const CALL_SIZE = 1 << 20;

const SEEK_SET = 0;

/**
 * A stretch of an open file, which sendfile(2) copies: as fast as copy_file_range(2), and between file
 * systems, too. Where there are no native calls, it copies nothing.
 */
export class OpenFileRange implements FileRange {
  copied = 0;
  /** When copying has to end. */
  private until: number | undefined;
  private readonly from = new BigInt64Array(1);

  constructor(
    private readonly fd: number,
    private readonly start: number,
    readonly length: number,
  ) {}

  copyTo(fd: number, position: number, most = this.length): number {
    const calls = nativeCalls();
    if (calls === null || calls.lseek(fd, position, SEEK_SET) < 0) return 0;
    const before = this.copied;
    const end = Math.min(this.length, before + most);
    this.from[0] = BigInt(this.start + before);
    this.until ??= performance.now() + COPYING_TIME;
    while (this.copied < end && performance.now() < this.until) {
      const count = calls.sendfile(fd, this.fd, this.from, Math.min(CALL_SIZE, end - this.copied));
      if (count <= 0) break;
      this.copied += count;
    }
    return this.copied - before;
  }
}

/** Offers a stretch of an open file, as often as some of it is copied. @returns how many bytes were */
export function* offerRanges(fd: number, offset: number, length: number): Generator<FileRange, number> {
  let copied = 0;
  while (copied < length) {
    const range = new OpenFileRange(fd, offset + copied, length - copied);
    yield range;
    if (range.copied === 0) break;
    copied += range.copied;
  }
  return copied;
}
