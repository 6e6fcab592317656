import { type ByteRange, FileSource, type OpenedFile, openForReading } from '@vzdump-format/streams';
import { canSeekData, seekData, seekHole } from './allocation.js';
import { STAT_BLOCK_SIZE } from './file-status.js';

/** A file that tells where its holes are, so that they need not be read. */
export class SparseFileSource extends FileSource {
  /**
   * Kept, because finding a range's end can take as long as the range is (on tmpfs it looks at every page).
   */
  private lastFound: ByteRange;

  private constructor(file: OpenedFile, hasHoles: boolean) {
    super(file);
    this.lastFound = { start: 0, end: hasHoles ? 0 : file.size };
  }

  /** @throws as `FileSource.open` */
  static override async open(path: string): Promise<SparseFileSource> {
    const file = await openForReading(path);
    try {
      return new SparseFileSource(file, await mayHaveHoles(file));
    } catch (error) {
      await file.handle.close();
      throw error;
    }
  }

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

/** A file with as much space as it has bytes need not be searched. */
async function mayHaveHoles({ handle, size }: OpenedFile): Promise<boolean> {
  const stat = await handle.stat();
  return stat.isFile() && stat.blocks * STAT_BLOCK_SIZE < size;
}
