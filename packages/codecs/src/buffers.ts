/**
 * Buffers of one size that go round: taken, sent to a worker, sent back and given back. A buffer for each
 * block would leave memory to the garbage collector's leisure.
 */
export class BufferPool {
  private readonly spare: ArrayBuffer[] = [];

  constructor(readonly size: number) {}

  take(): Uint8Array<ArrayBuffer> {
    const memory = this.spare.pop() ?? Buffer.allocUnsafeSlow(this.size).buffer;
    return new Uint8Array(memory as ArrayBuffer);
  }

  /** What is not of the pool's size did not come from it, and is left to the garbage collector. */
  give(bytes: Uint8Array<ArrayBuffer>): void {
    if (bytes.buffer.byteLength === this.size) this.spare.push(bytes.buffer);
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
  take(length: number): Uint8Array<ArrayBuffer> {
    const pool = this.pools.find(({ size }) => size >= length);
    return pool === undefined ? new Uint8Array(length) : pool.take().subarray(0, length);
  }

  give(bytes: Uint8Array<ArrayBuffer>): void {
    for (const pool of this.pools) pool.give(bytes);
  }
}

/** A buffer of the pool, filled from its beginning up to `length`. */
export interface FilledBuffer {
  readonly buffer: Uint8Array<ArrayBuffer>;
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
      buffer.set(part, length);
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
