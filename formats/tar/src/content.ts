import type { ByteReader } from '@vzdump-format/streams';
import { isUnexpectedEnd, truncated } from './archive-reader.js';
import type { TarEntry } from './entry.js';
import { wholeBlocks } from './format.js';
import type { FrameMarks } from './frame-starts.js';

/** The content of a member, too long to be had at once; what is not read of it is skipped. */
export class StoredContent implements AsyncIterable<Uint8Array> {
  private left: number;
  private isPast = false;

  constructor(
    private readonly reader: ByteReader,
    private readonly entry: TarEntry,
    private readonly marks: FrameMarks,
    private readonly signal: AbortSignal | undefined,
  ) {
    this.left = entry.storedSize;
  }

  /** What is left of it, in the archive's own chunks. @throws `TAR_TRUNCATED` */
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (;;) {
      if (this.isPast) throw new Error('the content of a member can be read until the next one is asked for');
      if (this.left === 0) return;
      yield await this.read(this.left);
    }
  }

  /** Skips what is left. @returns the padding behind it. @throws `TAR_TRUNCATED` */
  async finish(): Promise<Uint8Array> {
    this.isPast = true;
    while (this.left > 0) await this.read(this.left);
    const { reader, entry } = this;
    const size = wholeBlocks(entry.storedSize) - entry.storedSize;
    const padding = await reader.readUpTo(size);
    if (padding.length < size) throw truncated('inside a member', reader.offset, entry.path);
    return padding;
  }

  private async read(most: number): Promise<Uint8Array> {
    this.signal?.throwIfAborted();
    const { reader, entry } = this;
    const bytes = await reader.readSome(most).catch((error: unknown) => {
      throw isUnexpectedEnd(error) ? truncated('inside a member', reader.offset, entry.path) : error;
    });
    this.left -= bytes.length;
    this.marks.content(reader.offset - bytes.length, bytes.length);
    return bytes;
  }
}
