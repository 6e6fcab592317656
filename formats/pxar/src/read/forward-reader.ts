import { ArchiveError, ByteReader, type ByteSource, readChunks } from '@vzdump-format/streams';

/** Bytes in motion or at rest. */
export type PxarInput = AsyncIterable<Uint8Array> | ByteSource;

export interface ForwardReaderOptions {
  /** What an error calls it: 'the archive'. */
  readonly name: string;
  /** At rest: where to begin, and how much to read at a time; 0 and 2 MiB unless given. */
  readonly start?: number;
  readonly end?: number;
  readonly chunkSize?: number | undefined;
  readonly readAhead?: number;
  /** See `Stage`. */
  readonly signal?: AbortSignal | undefined;
}

/** A stream of Node's has a method `read` as well, but is an iterable. */
export function isAtRest(input: PxarInput): input is ByteSource {
  return !(Symbol.asyncIterator in input);
}

/** To read on is cheaper than to begin anew for less than this many chunks. */
const SEEK_CHUNKS = 2;
/** To wake a thread for each read takes 0.1 to 0.6 ms. */
const CHUNK_SIZE = 2 << 20;
const NO_BYTES = new Uint8Array(0);

/**
 * Reads forwards through a window: bytes that stand together in memory, mostly a chunk as it came, so that
 * small structures are decoded in place, without waiting. What is at rest is not read where it is skipped.
 *
 * Bytes of the window are valid until it moves on: until the next call that waits.
 */
export class ForwardReader {
  bytes: Uint8Array = NO_BYTES;
  view: DataView = viewOf(NO_BYTES);
  /** Of the next byte in the window. */
  position = 0;
  private reader: ByteReader;
  /** Where the reader's first byte stands in the input. */
  private readerStart: number;

  constructor(
    private readonly input: PxarInput,
    private readonly options: ForwardReaderOptions,
  ) {
    this.readerStart = options.start ?? 0;
    this.reader = this.readerAt(this.readerStart);
  }

  /** Of the next byte, in the input. */
  get offset(): number {
    return this.readerStart + this.reader.offset - this.bytes.length + this.position;
  }

  /** Whether the next `length` bytes are in the window. */
  has(length: number): boolean {
    return this.bytes.length - this.position >= length;
  }

  /** Moves the window so that it has the next `length` bytes. @throws `PXAR_TRUNCATED` */
  async need(length: number): Promise<void> {
    if (!this.has(length)) await this.gather(length, length);
  }

  /**
   * Moves the window so that it has at least `least` bytes, more than it has now, and if it has to be put
   * together, up to `most`.
   * @throws `PXAR_TRUNCATED`
   */
  async gather(least: number, most: number): Promise<void> {
    if (!this.has(1)) {
      this.setWindow(NO_BYTES);
      if (!(await this.reader.atEnd())) this.setWindow(await this.reader.readSome(Number.MAX_SAFE_INTEGER));
    }
    if (this.has(1) && !this.has(least)) {
      const rest = Uint8Array.from(this.bytes.subarray(this.position)); // a chunk may be overwritten by the next one
      this.setWindow(Buffer.concat([rest, await this.reader.readUpTo(most - rest.length)]));
    }
    if (!this.has(least)) {
      throw new ArchiveError('PXAR_TRUNCATED', `${this.options.name} ends too early`, {
        offset: this.offset + this.bytes.length - this.position,
        hint: 'an interrupted copy: look for another',
      });
    }
  }

  async atEnd(): Promise<boolean> {
    return !this.has(1) && (await this.reader.atEnd());
  }

  /** Between 1 and `most` bytes. @throws `PXAR_TRUNCATED` */
  async some(most: number): Promise<Uint8Array> {
    if (!this.has(1)) await this.need(1);
    const from = this.position;
    this.position = Math.min(this.bytes.length, from + most);
    return this.bytes.subarray(from, this.position);
  }

  /** Passes over `length` bytes. @throws `PXAR_TRUNCATED` */
  async skip(length: number): Promise<void> {
    const target = this.offset + length;
    const ahead = length - (this.bytes.length - this.position);
    if (isAtRest(this.input) && ahead > SEEK_CHUNKS * (this.options.chunkSize ?? CHUNK_SIZE)) {
      await this.seek(target, this.input);
      return;
    }
    for (let left = length; left > 0; ) left -= (await this.some(left)).length;
  }

  async close(): Promise<void> {
    this.setWindow(NO_BYTES);
    await this.reader.close();
  }

  private async seek(target: number, { size }: ByteSource): Promise<void> {
    await this.close();
    this.readerStart = Math.min(target, this.options.end ?? size);
    this.reader = this.readerAt(this.readerStart);
    if (this.readerStart < target) await this.need(1); // there is none
  }

  private readerAt(start: number): ByteReader {
    const { input, options } = this;
    if (!isAtRest(input)) return new ByteReader(input, options.signal);
    const { end = input.size, chunkSize = CHUNK_SIZE, readAhead = 1, signal } = options;
    return new ByteReader(readChunks(input, { start, end, chunkSize, readAhead, signal }));
  }

  private setWindow(bytes: Uint8Array): void {
    this.bytes = bytes;
    this.view = viewOf(bytes);
    this.position = 0;
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
