import { type ByteRange, FileSource, openForReading } from '@vzdump-format/streams';
import { canSeekData, seekData, seekHole } from './seek.js';

/** A file that tells where its holes are, so that they need not be read. */
export class SparseFileSource extends FileSource {
  static override async open(path: string): Promise<SparseFileSource> {
    return new SparseFileSource(await openForReading(path));
  }

  /** Kept, because finding a range's end can take as long as the range is (on tmpfs it looks at every page). */
  private lastFound: ByteRange = { start: 0, end: 0 };

  /** Where the system cannot tell (a block device, another system), everything counts as data. */
  async nextData(offset: number): Promise<ByteRange | undefined> {
    if (offset >= this.size) return undefined;
    const { start, end } = this.lastFound;
    if (offset >= start && offset < end) return { start: offset, end };
    const found = this.findData(offset);
    if (found !== undefined) this.lastFound = found;
    return found;
  }

  private findData(offset: number): ByteRange | undefined {
    if (!canSeekData()) return { start: offset, end: this.size };
    try {
      const start = seekData(this.handle.fd, offset);
      if (start === undefined || start >= this.size) return undefined;
      return { start, end: Math.min(seekHole(this.handle.fd, start), this.size) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EINVAL') return { start: offset, end: this.size };
      throw error;
    }
  }
}
