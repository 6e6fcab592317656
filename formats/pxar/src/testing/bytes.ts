import { createHash } from 'node:crypto';
import type { ByteSource } from '@vzdump-format/streams';

/** The sizes that every reader is tried with. */
export const CHUNK_SIZES = [1, 7, 511, 512, 513, 4095, 4096, 4097, 65536, 'random'] as const;

export type ChunkSize = number | 'random';

/** A small generator with a seed (mulberry32), so that a failure can be repeated: numbers from 0 up to `below`. */
export function seededRandom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

/** Bytes without a pattern, the same for the same seed. */
export function noise(length: number, seed = 1): Uint8Array {
  const random = seededRandom(seed);
  return Uint8Array.from({ length }, () => random(256));
}

/** All chunks in one buffer, which is overwritten as soon as the next one is asked for. */
export async function* chunked(bytes: Uint8Array, size: ChunkSize): AsyncGenerator<Uint8Array> {
  const random = seededRandom(bytes.length);
  const buffer = Buffer.alloc(size === 'random' ? 300 : size);
  for (let start = 0; start < bytes.length; ) {
    const end = Math.min(bytes.length, start + (size === 'random' ? 1 + random(300) : size));
    buffer.set(bytes.subarray(start, end));
    yield buffer.subarray(0, end - start);
    buffer.fill(0xee);
    start = end;
  }
}

/** Each chunk in memory of its own. */
export async function* inChunks(bytes: Uint8Array, size: ChunkSize): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunked(bytes, size)) yield Uint8Array.from(chunk);
}

export async function* inOnePiece(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

export async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(Uint8Array.from(chunk));
  return Buffer.concat(parts);
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Bytes at rest that count how many of them were asked for. */
export class CountingSource implements ByteSource {
  readonly size: number;
  bytesRead = 0;
  reads = 0;

  constructor(private readonly bytes: Uint8Array) {
    this.size = bytes.length;
  }

  async read(buffer: Uint8Array, offset: number): Promise<number> {
    const part = this.bytes.subarray(offset, offset + buffer.length);
    buffer.set(part);
    this.bytesRead += buffer.length;
    this.reads++;
    return part.length;
  }

  async close(): Promise<void> {}
}
