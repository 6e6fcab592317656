import type { Socket } from 'node:net';
import { addAbortSignal } from 'node:stream';
import { alignedMemory } from '../memory.js';
import { mapOrdered } from '../stage/ahead.js';
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

/**
 * A chunk is still in the processor's cache when it is used, and a call into the thread pool is paid for by
 * so much.
 */
const BUFFER_SIZE = 512 * 1024;
const BUFFERS = 4;

/**
 * The bytes of a pipe or socket until its end, at a third of what `process.stdin` costs. A chunk is valid
 * until the next is asked for. Ending the iteration closes the descriptor.
 * @throws the system's error, or the signal's reason
 */
export async function* readPipe(fd: number, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  const spare = Array.from({ length: BUFFERS }, () => alignedMemory(BUFFER_SIZE));
  const filled: { readonly buffer: Uint8Array<ArrayBuffer>; readonly length: number }[] = [];
  let ended = false;
  let failure: Error | undefined;
  let wake = () => {};
  const onread = {
    buffer: () => spare.pop()!,
    callback: (length: number, buffer: Uint8Array<ArrayBuffer>) => {
      filled.push({ buffer, length });
      wake();
      return spare.length > 1; // one more is taken before the pause takes effect
    },
  };
  // The types know `onread` for `connect` alone.
  const net = process.getBuiltinModule('node:net');
  const socket = new net.Socket({ fd, readable: true, writable: false, onread } as ConstructorParameters<
    typeof Socket
  >[0]);
  socket.once('end', () => {
    ended = true;
    wake();
  });
  socket.once('error', (error) => {
    failure = error;
    wake();
  });
  if (signal !== undefined) addAbortSignal(signal, socket);
  try {
    for (;;) {
      const next = filled.shift();
      if (next !== undefined) {
        yield next.buffer.subarray(0, next.length);
        spare.push(next.buffer);
        socket.resume();
        continue;
      }
      if (failure !== undefined) throw signal?.aborted ? signal.reason : failure;
      if (ended) return;
      await new Promise<void>((resolve) => {
        wake = resolve;
        socket.resume();
      });
    }
  } finally {
    socket.destroy();
  }
}
