import type { ContentInPieces } from '@vzdump-format/file-tree';
import { offerRanges } from '@vzdump-format/posix';
import { type ByteReader, chunksOf, type Piece } from '@vzdump-format/streams';
import type { TarEntry } from '../entry.js';
import { wholeBlocks } from '../format.js';
import { isUnexpectedEnd, truncated } from '../read/archive-reader.js';
import type { BoundaryMarks } from './boundaries.js';

/** Less is not worth what has been read ahead in vain then. */
const LEAST_COPIED = 8 << 20;

/** The content of a member, too long to be had at once; what is not read of it is skipped. */
export class StoredContent implements ContentInPieces {
  private left: number;
  private isPast = false;
  private isOffered = false;

  constructor(
    private readonly reader: ByteReader,
    private readonly entry: TarEntry,
    private readonly marks: BoundaryMarks,
    private readonly signal: AbortSignal | undefined,
  ) {
    this.left = entry.storedSize;
  }

  /** What is left of it, in the archive's own chunks. @throws `TAR_TRUNCATED` */
  [Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    return chunksOf(this.pieces());
  }

  /**
   * The same; what has not been read of an archive that is a file is offered once, to be copied from there.
   */
  async *pieces(): AsyncGenerator<Piece> {
    const { reader } = this;
    for (;;) {
      this.requirePresent();
      if (this.left === 0) return;
      const isOffered = this.isOffered || reader.available > 0 || this.left < LEAST_COPIED;
      const place = isOffered ? undefined : reader.placeInFile;
      if (place === undefined) {
        yield await this.read(this.left);
        continue;
      }
      this.isOffered = true;
      const copied = yield* offerRanges(place.fd, place.offset, this.left);
      this.requirePresent();
      if (copied === 0) continue;
      await reader.skipUnread(copied);
      this.left -= copied;
    }
  }

  /**
   * Skips what is left. @returns the padding behind it. @throws `TAR_TRUNCATED`
   * @param unread whether it need not be read, of an archive at rest
   */
  async finish(unread: boolean): Promise<Uint8Array> {
    this.isPast = true;
    if (unread) this.left -= await this.reader.passOver(this.left);
    while (this.left > 0) await this.read(this.left);
    const { reader, entry } = this;
    const size = wholeBlocks(entry.storedSize) - entry.storedSize;
    const padding = await reader.readUpTo(size);
    if (padding.length < size) throw truncated('inside a member', reader.offset, entry.path);
    return padding;
  }

  private requirePresent(): void {
    if (this.isPast) throw new Error('the content of a member can be read until the next one is asked for');
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
