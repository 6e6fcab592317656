/** The sizes that every reader is tried with. */
export const CHUNK_SIZES = [1, 7, 511, 512, 513, 4095, 4096, 4097, 65536, 'random'] as const;

export type ChunkSize = number | 'random';

type Producer = (bytes: Uint8Array, size: ChunkSize) => AsyncGenerator<Uint8Array>;

/** Bytes without a pattern, the same in each run, so that a byte out of place shows. */
export function noise(length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(length);
  const next = generator(seed);
  for (let index = 0; index < length; index++) bytes[index] = next() >>> 16;
  return bytes;
}

/** Each chunk in memory of its own. */
export async function* chunked(bytes: Uint8Array, size: ChunkSize): AsyncGenerator<Uint8Array> {
  for (const [start, end] of cuts(bytes.length, size)) yield Uint8Array.from(bytes.subarray(start, end));
}

/** All chunks in one buffer, which is overwritten as soon as the next chunk is asked for. */
export async function* overwriting(
  bytes: Uint8Array,
  size: ChunkSize,
  buffer: Uint8Array = new Uint8Array(bytes.length),
): AsyncGenerator<Uint8Array> {
  for (const [start, end] of cuts(bytes.length, size)) {
    buffer.set(bytes.subarray(start, end));
    yield buffer.subarray(0, end - start);
    buffer.fill(0xee);
  }
}

/** Who may have made the chunks. A `Buffer` has a `slice` and a `subarray` of its own. */
export const PRODUCERS: readonly (readonly [name: string, producer: Producer])[] = [
  ['own memory', chunked],
  ['a reused Uint8Array', overwriting],
  ['a reused Buffer', (bytes, size) => overwriting(bytes, size, Buffer.alloc(bytes.length))],
];

export async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(Uint8Array.from(chunk));
  return Buffer.concat(parts);
}

function* cuts(length: number, size: ChunkSize): Generator<readonly [start: number, end: number]> {
  const next = generator(length);
  for (let start = 0; start < length; ) {
    const end = Math.min(length, start + (size === 'random' ? 1 + ((next() >>> 8) % 5000) : size));
    yield [start, end];
    start = end;
  }
}

function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state;
  };
}
