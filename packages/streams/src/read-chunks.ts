import type { ByteSource } from './byte-source.js';

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
  const underWay: Promise<Uint8Array>[] = [];
  let next = start;
  const readNext = async (buffer: Uint8Array, offset: number): Promise<Uint8Array> =>
    buffer.subarray(0, await source.read(buffer.subarray(0, Math.min(chunkSize, end - offset)), offset));
  try {
    for (;;) {
      signal?.throwIfAborted();
      while (underWay.length <= readAhead && next < end) {
        const read = readNext(spare.pop() ?? Buffer.allocUnsafeSlow(chunkSize), next);
        read.catch(() => {}); // awaited in turn below
        underWay.push(read);
        next += chunkSize;
      }
      const chunk = await underWay.shift();
      signal?.throwIfAborted();
      if (chunk === undefined || chunk.length === 0) return;
      yield chunk;
      if (chunk.length < chunkSize) return; // what was read behind the end of a source that shrank has no place
      if (options.reuseBuffers) spare.push(new Uint8Array(chunk.buffer));
    }
  } finally {
    await Promise.allSettled(underWay); // a buffer must not be written to, nor the file be closed, behind our back
  }
}
