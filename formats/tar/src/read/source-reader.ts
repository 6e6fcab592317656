import { ArchiveError, type ByteSource } from '@vzdump-format/streams';
import type { ArchiveReader } from './archive-reader.js';

/**
 * Reads bytes at rest from any place on, through a window, so that headers of small members cost no call
 * each.
 */
export class SourceReader implements ArchiveReader {
  offset = 0;
  readonly atHand: Buffer;
  /** Why the source could not be read, when it could not. */
  failure: unknown;
  private windowStart = 0;
  private windowEnd = 0;

  /** @param windowSize how much is read at once, in bytes */
  constructor(
    private readonly source: ByteSource,
    windowSize: number,
  ) {
    this.atHand = Buffer.allocUnsafe(windowSize);
  }

  get position(): number {
    return this.offset - this.windowStart;
  }

  get available(): number {
    return this.offset < this.windowStart ? 0 : Math.max(0, this.windowEnd - this.offset);
  }

  advance(length: number): void {
    this.offset += length;
  }

  async readUpTo(length: number): Promise<Uint8Array> {
    const wanted = Math.max(0, Math.min(length, this.source.size - this.offset));
    if (wanted > this.atHand.length) return this.readPast(wanted);
    if (this.available < wanted) await this.fill();
    const bytes = this.atHand.subarray(this.position, this.position + Math.min(wanted, this.available));
    this.offset += bytes.length;
    return bytes;
  }

  async skip(length: number): Promise<void> {
    const left = this.source.size - this.offset;
    this.offset += Math.min(length, left);
    if (length > left) {
      throw new ArchiveError('UNEXPECTED_END', `ends ${length - left} bytes too early`, {
        offset: this.offset,
      });
    }
  }

  private async fill(): Promise<void> {
    this.windowStart = this.offset;
    this.windowEnd = this.offset; // nothing, should the read fail
    this.windowEnd += await this.read(this.atHand);
  }

  private async readPast(length: number): Promise<Uint8Array> {
    const bytes = Buffer.allocUnsafe(length);
    const got = await this.read(bytes);
    this.offset += got;
    return bytes.subarray(0, got);
  }

  private async read(buffer: Uint8Array): Promise<number> {
    try {
      return await this.source.read(buffer, this.offset);
    } catch (error) {
      this.failure = error;
      throw error;
    }
  }
}
