import { ArchiveError } from '../diagnostics.js';
import type { Items } from '../stage/items.js';
import { ClaimedSource } from '../stage/stage.js';
import { ChunksAtRest } from './read-chunks.js';

const EMPTY = new Uint8Array(0);

/**
 * Reads exact lengths from chunks of any size. What lies within one chunk is sliced, not copied; such a slice
 * is as short-lived as the chunk (see `Stage`), so it is used before the next call.
 */
export class ByteReader {
  private readonly chunks: AsyncIterator<Uint8Array>;
  private chunk: Uint8Array = EMPTY;
  private at = 0;
  private consumed = 0;

  /** @param signal heeded also while the source stalls */
  constructor(source: Items<Uint8Array>, signal?: AbortSignal | undefined) {
    this.chunks = source instanceof ChunksAtRest ? source : new ClaimedSource(source, signal);
  }

  /** Bytes consumed so far. */
  get offset(): number {
    return this.consumed;
  }

  /** Whether no byte is left. */
  async atEnd(): Promise<boolean> {
    return !(await this.fill());
  }

  /** How many bytes are at hand, in one piece. */
  get available(): number {
    return this.chunk.length - this.at;
  }

  /**
   * What is at hand: bytes in which the next one stands at `position`. Many small things are read so without
   * a view of each.
   */
  get atHand(): Uint8Array {
    return this.chunk;
  }

  get position(): number {
    return this.at;
  }

  /** Consumes bytes that are at hand. @param length up to `available` */
  advance(length: number): void {
    this.at += length;
    this.consumed += length;
  }

  /** Exactly `length` bytes. @throws `UNEXPECTED_END`, with the offset at which the bytes end. */
  async read(length: number): Promise<Uint8Array> {
    const bytes = await this.readUpTo(length);
    if (bytes.length < length) {
      throw new ArchiveError('UNEXPECTED_END', `ends ${length - bytes.length} bytes too early`, {
        offset: this.consumed,
      });
    }
    return bytes;
  }

  /**
   * `length` bytes, or what is left when that is less. Memory grows with what is there, not with `length`.
   */
  async readUpTo(length: number): Promise<Uint8Array> {
    if (length === 0 || !(await this.fill())) return EMPTY;
    if (this.available >= length) return this.take(length);
    const parts: Uint8Array[] = [];
    let missing = length;
    while (missing > 0 && (await this.fill())) {
      const part = this.take(Math.min(missing, this.available));
      missing -= part.length;
      parts.push(Uint8Array.from(part)); // the next fill may reuse the buffer; a Buffer's own slice() is no copy
    }
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
  }

  /**
   * Between `unit` and `most` bytes, a multiple of `unit`: as many as are at hand without copying, or one
   * unit gathered across chunks. `most` is a multiple of `unit`.
   * @throws `UNEXPECTED_END` when less than one unit is left.
   */
  async readSome(most: number, unit = 1): Promise<Uint8Array> {
    await this.fill();
    const ready = this.available;
    if (ready < unit) return this.read(unit);
    return this.take(Math.min(most, ready - (ready % unit)));
  }

  /** The next bytes, up to `length` of them, without consuming them. */
  async peek(length: number): Promise<Uint8Array> {
    const bytes = await this.readUpTo(length);
    this.unread(bytes);
    return bytes;
  }

  /** Puts back the last bytes that were read. */
  unread(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.consumed -= bytes.length;
    if (this.precedesPosition(bytes)) {
      this.at -= bytes.length;
      return;
    }
    const rest = this.chunk.subarray(this.at);
    this.chunk = rest.length === 0 ? bytes : Buffer.concat([bytes, rest]);
    this.at = 0;
  }

  /** @throws `UNEXPECTED_END` */
  async skip(length: number): Promise<void> {
    for (let left = length; left > 0; ) left -= (await this.readSome(left)).length;
  }

  /** Where the next byte stands in a file, when the chunks are read from one. */
  get placeInFile(): { readonly fd: number; readonly offset: number } | undefined {
    const { chunks, available } = this;
    if (!(chunks instanceof ChunksAtRest) || chunks.fd === undefined) return undefined;
    return { fd: chunks.fd, offset: chunks.position - available };
  }

  /** Passes over bytes that stand in the file, and are not at hand, without reading them. */
  async skipUnread(length: number): Promise<void> {
    await (this.chunks as ChunksAtRest).skip(length);
    this.consumed += length;
  }

  /**
   * Passes over up to `most` bytes of what is at rest without reading them, where that is worth it. What is
   * left of them, and where they end too early, is for the next read to tell. @returns how many
   */
  async passOver(most: number): Promise<number> {
    const { chunks, available } = this;
    if (!(chunks instanceof ChunksAtRest) || most - available <= chunks.worthSkipping) return 0;
    const unread = Math.min(most - available, chunks.left);
    this.advance(available);
    await this.skipUnread(unread);
    return available + unread;
  }

  /** What is left, chunk by chunk. Ending the iteration closes the source. */
  async *rest(): AsyncGenerator<Uint8Array> {
    try {
      while (await this.fill()) yield this.take(this.available);
    } finally {
      await this.close();
    }
  }

  /** Tells the source that no more is wanted, so that it lets go of what it holds. */
  async close(): Promise<void> {
    this.chunk = EMPTY;
    this.at = 0;
    await this.chunks.return?.();
  }

  private async fill(): Promise<boolean> {
    while (this.at >= this.chunk.length) {
      const next = await this.chunks.next();
      if (next.done) return false;
      this.chunk = next.value;
      this.at = 0;
    }
    return true;
  }

  /** Whether these are the very bytes in the chunk before the position, so that to go back is enough. */
  private precedesPosition(bytes: Uint8Array): boolean {
    return (
      bytes.buffer === this.chunk.buffer &&
      bytes.length <= this.at &&
      bytes.byteOffset + bytes.length === this.chunk.byteOffset + this.at
    );
  }

  private take(length: number): Uint8Array {
    const bytes = this.chunk.subarray(this.at, this.at + length);
    this.advance(length);
    return bytes;
  }
}
