import { alignedMemory } from './aligned-memory.js';
import type { ByteSource } from './byte-source.js';
import { mapOrdered } from './map-ordered.js';

export interface ReadChunksOptions {
  readonly start?: number;
  /** Exclusive; the source's size unless given. */
  readonly end?: number;
  /** In bytes; 1 MiB unless given. */
  readonly chunkSize?: number;
  /** How many reads are under way while the consumer works; 2 unless given. */
  readonly readAhead?: number;
  /** See `Stage`. */
  readonly reuseBuffers?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** The bytes of a source in order, read ahead. Ends early without an error where the source does. */
export async function* readChunks(
  source: ByteSource,
  options: ReadChunksOptions = {},
): AsyncGenerator<Uint8Array> {
  const { start = 0, end = source.size, readAhead = 2, signal } = options;
  const chunkSize = Math.min(options.chunkSize ?? 1 << 20, end - start);
  const spare: Uint8Array[] = [];
  const newBuffer = options.reuseBuffers ? alignedMemory : Buffer.allocUnsafeSlow;
  function* offsets(): Generator<number> {
    for (let offset = start; offset < end; offset += chunkSize) {
      signal?.throwIfAborted();
      yield offset;
    }
  }
  const read = async (offset: number): Promise<Uint8Array> => {
    const buffer = spare.pop() ?? newBuffer(chunkSize);
    return buffer.subarray(
      0,
      await source.read(buffer.subarray(0, Math.min(chunkSize, end - offset)), offset),
    );
  };
  signal?.throwIfAborted();
  // It waits for what is under way: a buffer must not be written to, nor the file be closed, behind our back.
  for await (const chunk of mapOrdered(offsets(), readAhead + 1, read)) {
    signal?.throwIfAborted();
    if (chunk.length === 0) return;
    yield chunk;
    if (chunk.length < chunkSize) return; // what was read behind the end of a source that shrank has no place
    if (options.reuseBuffers) spare.push(new Uint8Array(chunk.buffer, 0, chunkSize));
    signal?.throwIfAborted();
  }
}
