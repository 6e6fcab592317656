import { alignedSharedMemory } from '@vzdump-format/streams';
import { copyTo, type SharedMemory, sharedMemory } from './shared-memory.js';

/**
 * Buffers of one size that go round: taken, worked on by a thread, and given back.
 *
 * Measured: to copy 1 GiB into 4 MiB buffers takes 0.03 s with one that goes round, and 2.4 s with a new one
 * for each, as the kernel has to clear its pages, and the garbage collector is slow to give them back. To
 * measure again, let `give` do nothing, and run `BENCH_CASES=1 npm run bench -- codecs`.
 */
export class BufferPool {
  private readonly spare: SharedMemory[] = [];
  private readonly own = new WeakSet<SharedArrayBuffer>();

  constructor(readonly size: number) {}

  take(): SharedMemory {
    const spare = this.spare.pop();
    if (spare !== undefined) return spare;
    const memory = alignedSharedMemory(this.size);
    this.own.add(memory.buffer);
    return memory;
  }

  /** What did not come from this pool is left to the garbage collector. */
  give({ buffer }: SharedMemory): void {
    if (this.own.has(buffer)) this.spare.push(new Uint8Array(buffer, 0, this.size));
  }
}

/** Pools of several sizes. */
export class BufferPools {
  private readonly pools: readonly BufferPool[];

  /** @param sizes ascending. */
  constructor(sizes: readonly number[]) {
    this.pools = sizes.map((size) => new BufferPool(size));
  }

  /** A buffer of this length, from the smallest pool that has room. */
  take(length: number): SharedMemory {
    const pool = this.pools.find(({ size }) => size >= length);
    return pool === undefined ? sharedMemory(length) : pool.take().subarray(0, length);
  }

  give(memory: SharedMemory): void {
    for (const pool of this.pools) pool.give(memory);
  }
}

const MOST_SPARE = 128 * 1024 * 1024;

/**
 * Memory of many sizes that goes round: new memory for each time would pile up until it is collected, and the
 * kernel has to clear it first.
 */
export class SpareMemory {
  private readonly spare: SharedMemory[] = [];
  private size = 0;

  /** @param largest that is asked for: what has nearly that size is made so large, for all others like it */
  constructor(private readonly largest: number) {}

  take(size: number): SharedMemory {
    const at = this.spare.findIndex(({ length }) => length >= size);
    if (at < 0) return sharedMemory(2 * size > this.largest ? this.largest : size).subarray(0, size);
    const [memory] = this.spare.splice(at, 1) as [SharedMemory];
    this.size -= memory.length;
    return memory.subarray(0, size);
  }

  give({ buffer }: SharedMemory): void {
    const memory = new Uint8Array(buffer);
    this.spare.push(memory);
    this.size += memory.length;
    while (this.size > MOST_SPARE && this.spare.length > 1) this.size -= this.spare.shift()!.length;
  }
}

/** A buffer of the pool, filled from its beginning up to `length`. */
export interface FilledBuffer {
  readonly buffer: SharedMemory;
  readonly length: number;
}

/** Cuts a stream into buffers of the pool that are full, except for the last. Nothing comes of nothing. */
export async function* gather(
  source: AsyncIterable<Uint8Array>,
  pool: BufferPool,
): AsyncGenerator<FilledBuffer> {
  let buffer = pool.take();
  let length = 0;
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length; ) {
      const part = chunk.subarray(at, at + pool.size - length);
      copyTo(buffer, part, length);
      length += part.length;
      at += part.length;
      if (length < pool.size) continue;
      yield { buffer, length };
      buffer = pool.take();
      length = 0;
    }
  }
  if (length > 0) yield { buffer, length };
}
