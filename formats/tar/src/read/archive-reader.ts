import { ArchiveError, type ByteSource } from '@vzdump-format/streams';
import { wholeBlocks } from '../format.js';

/** What members' headers are read from: a `ByteReader` over bytes that pass, or a `SourceReader`. */
export interface ArchiveReader {
  /** Where in the archive the next byte stands. */
  readonly offset: number;
  /** Bytes in which the next one stands at `position`, with `available` left. */
  readonly atHand: Uint8Array;
  readonly position: number;
  readonly available: number;
  /** Consumes bytes that are at hand. */
  advance(length: number): void;
  /** The next bytes, fewer at the end of the archive; valid until the next call. */
  readUpTo(length: number): Promise<Uint8Array>;
  /** @throws `UNEXPECTED_END` */
  skip(length: number): Promise<void>;
}

/**
 * A stretch of an archive, looked at where it is: to make a view of each header costs more than to decode it.
 */
export interface Stretch {
  readonly bytes: Buffer;
  /** The same bytes. */
  readonly words: DataView;
  /** Where in them it begins. */
  readonly at: number;
  /** Where in the archive it begins. */
  readonly offset: number;
}

export function stretchOf(bytes: Uint8Array): Stretch {
  return { bytes: asBuffer(bytes), words: wordsOf(bytes), at: 0, offset: 0 };
}

function wordsOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

/** What is taken from a reader, stretch by stretch: the last of them, until the reader is used again. */
export class Cursor implements Stretch {
  bytes: Buffer = Buffer.alloc(0);
  words = wordsOf(this.bytes);
  at = 0;
  offset = 0;
  private chunk: Uint8Array = this.bytes;

  constructor(readonly reader: ArchiveReader) {}

  /** Takes the next bytes, if they are at hand in one piece. */
  take(length: number): boolean {
    const { reader } = this;
    if (reader.available < length) return false;
    this.show(reader.atHand, reader.position, reader.offset);
    reader.advance(length);
    return true;
  }

  /** Takes the next bytes. @returns how many there are, fewer at the end of the archive */
  async gather(length: number): Promise<number> {
    const { offset } = this.reader;
    const bytes = await this.reader.readUpTo(length);
    this.show(bytes, 0, offset);
    return bytes.length;
  }

  private show(chunk: Uint8Array, at: number, offset: number): void {
    if (chunk !== this.chunk) {
      this.chunk = chunk;
      this.bytes = asBuffer(chunk);
      this.words = wordsOf(chunk);
    }
    this.at = at;
    this.offset = offset;
  }
}

/** Takes all of the next bytes, however they come. @param entry whose they are. @throws `TAR_TRUNCATED` */
export async function takeWhole(cursor: Cursor, length: number, entry?: string): Promise<void> {
  if (cursor.take(length)) return;
  const got = await cursor.gather(length);
  if (got < length) throw truncated('inside a member', cursor.offset + got, entry);
}

/** Passes over content and its padding. @throws `TAR_TRUNCATED` */
export async function skipContent(reader: ArchiveReader, size: number, entry?: string): Promise<void> {
  try {
    await reader.skip(wholeBlocks(size));
  } catch (error) {
    throw isUnexpectedEnd(error) ? truncated('inside a member', reader.offset, entry) : error;
  }
}

export function isUnexpectedEnd(error: unknown): boolean {
  return error instanceof ArchiveError && error.code === 'UNEXPECTED_END';
}

export function truncated(where: string, offset: number, entry?: string): ArchiveError {
  return new ArchiveError('TAR_TRUNCATED', `the archive ends ${where}`, {
    offset,
    entry,
    hint: 'the archive was cut short: look for another copy',
  });
}

export function asBuffer(bytes: Uint8Array): Buffer {
  return bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

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
    if (this.available < wanted) await this.fill(wanted);
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

  /** Takes what the source has at hand of the next bytes. @returns how many there are, 0 for none */
  async takeAtHand(): Promise<number> {
    const { offset, source } = this;
    const length = (await source.readAtHand?.(this.atHand, offset)) ?? 0;
    if (length === 0) return 0;
    this.windowStart = offset;
    this.windowEnd = offset + length;
    return length;
  }

  private async fill(wanted: number): Promise<void> {
    if (this.source.readAtHand !== undefined && (await this.takeAtHand()) >= wanted) return;
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
