import { alignedMemory } from '../aligned-memory.js';
import { mapOrdered } from '../stage/map-ordered.js';
import type { ByteSource } from './byte-source.js';

const READ_AHEAD = 2;

export interface ReadChunksOptions {
  readonly start?: number;
  /** Exclusive; the source's size unless given. */
  readonly end?: number;
  /** In bytes; 1 MiB unless given. */
  readonly chunkSize?: number;
  /** How many reads are under way while the consumer works; 2 unless given. */
  readonly readAhead?: number;
  readonly signal?: AbortSignal | undefined;
}

/** The bytes of a source in order, read ahead. Ends early without an error where the source does. */
export function readChunks(source: ByteSource, options: ReadChunksOptions = {}): ChunksAtRest {
  return new ChunksAtRest(source, options);
}

/** See `readChunks`. */
export class ChunksAtRest implements AsyncIterableIterator<Uint8Array> {
  /** Where in the source the next chunk begins. */
  position: number;
  private readonly end: number;
  private readonly chunkSize: number;
  private chunks: AsyncGenerator<Uint8Array>;
  /** All that there are. */
  private readonly buffers: Uint8Array[] = [];
  private spare: Uint8Array[] = [];

  constructor(
    private readonly source: ByteSource,
    private readonly options: ReadChunksOptions,
  ) {
    const { start = 0, end = source.size, chunkSize = 1 << 20 } = options;
    this.position = start;
    this.end = end;
    this.chunkSize = Math.min(chunkSize, end - start);
    this.chunks = this.read();
  }

  /** Of the file that the source is, if it is one. */
  get fd(): number | undefined {
    return this.source.fd;
  }

  /** Bytes from `position` to the end. */
  get left(): number {
    return this.end - this.position;
  }

  /** To read on is cheaper than to begin anew for less than what is read ahead. */
  get worthSkipping(): number {
    return ((this.options.readAhead ?? READ_AHEAD) + 1) * this.chunkSize;
  }

  /** Makes the next chunk begin so many bytes further on. */
  async skip(length: number): Promise<void> {
    await this.chunks.return(undefined);
    this.spare = [...this.buffers];
    this.position += length;
    this.chunks = this.read();
  }

  next(): Promise<IteratorResult<Uint8Array>> {
    return this.chunks.next();
  }

  return(_value?: unknown): Promise<IteratorResult<Uint8Array>> {
    return this.chunks.return(undefined);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  private async *read(): AsyncGenerator<Uint8Array> {
    const { chunkSize } = this;
    const { readAhead = READ_AHEAD, signal } = this.options;
    signal?.throwIfAborted();
    // It waits for what is under way: a buffer must not be written to, nor the file be closed, behind our
    // back.
    for await (const chunk of mapOrdered(this.offsets(), readAhead + 1, this.readAt)) {
      signal?.throwIfAborted();
      if (chunk.length === 0) return;
      this.position += chunk.length;
      yield chunk;
      if (chunk.length < chunkSize) return; // what was read behind the end of a source that shrank has no place
      this.spare.push(new Uint8Array(chunk.buffer, 0, chunkSize));
      signal?.throwIfAborted();
    }
  }

  private *offsets(): Generator<number> {
    for (let offset = this.position; offset < this.end; offset += this.chunkSize) {
      this.options.signal?.throwIfAborted();
      yield offset;
    }
  }

  private readonly readAt = async (offset: number): Promise<Uint8Array> => {
    const buffer = this.spare.pop() ?? this.newBuffer();
    const wanted = buffer.subarray(0, Math.min(this.chunkSize, this.end - offset));
    return buffer.subarray(0, await this.source.read(wanted, offset));
  };

  private newBuffer(): Uint8Array {
    const buffer = alignedMemory(this.chunkSize);
    this.buffers.push(buffer);
    return buffer;
  }
}
