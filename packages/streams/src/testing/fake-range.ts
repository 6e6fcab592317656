import { writeSync } from 'node:fs';
import type { FileRange } from '../source/file-range.js';

/** A range that copies at most so many of its bytes. */
export class FakeRange implements FileRange {
  copied = 0;

  constructor(
    private readonly bytes: Uint8Array,
    private readonly copies = bytes.length,
  ) {}

  get length(): number {
    return this.bytes.length;
  }

  copyTo(fd: number, position: number, most = this.length - this.copied): number {
    const count = Math.min(most, this.copies - this.copied);
    writeSync(fd, this.bytes, this.copied, count, position);
    this.copied += count;
    return count;
  }
}
