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

  give(bytes: Uint8Array<ArrayBuffer>): void {
    this.spare.push(bytes.buffer);
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
