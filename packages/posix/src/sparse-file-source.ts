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
    const found = await this.findData(offset);
    if (found !== undefined) this.lastFound = found;
    return found;
  }

  private async findData(offset: number): Promise<ByteRange | undefined> {
    const rest = { start: offset, end: this.size };
    if (!canSeekData()) return rest;
    try {
      const start = seekData(this.handle.fd, offset);
      if (start !== undefined && start < this.size) {
        return { start, end: Math.min(seekHole(this.handle.fd, start), this.size) };
      }
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EINVAL') return rest;
      if (code !== 'ENXIO') throw error; // the data that was found is gone: the file shrank
    }
    // Behind the end of a file that shrank there is no data either, but no zeros: reading there will tell.
    return (await this.shrank()) ? rest : undefined;
  }

  private async shrank(): Promise<boolean> {
    const stat = await this.handle.stat();
    return stat.isFile() && stat.size < this.size;
  }
}
