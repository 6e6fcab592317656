/** A small generator with a seed (mulberry32), so that a failure can be repeated. */
export function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function randomBytes(length: number, seed = 1): Buffer {
  const random = seededRandom(seed);
  return Buffer.from(Array.from({ length }, () => Math.floor(random() * 256)));
}

/** Like a disk: words that recur, some noise, and zeros. */
export function mixedBytes(length: number, seed = 1): Buffer {
  const random = seededRandom(seed);
  const words = Array.from({ length: 200 }, (_, index) => randomBytes(3 + (index % 30), index));
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; ) {
    const kind = random();
    const piece = kind < 0.9 ? words[Math.floor(random() * words.length)]! : randomBytes(20, at);
    at += kind < 0.001 ? 5000 : piece.copy(bytes, at);
  }
  return bytes;
}

/** Sizes around those that tar, VMA and the codecs count in; 0 stands for random ones. */
export const CHUNK_SIZES = [1, 7, 511, 512, 513, 4095, 4096, 4097, 65536, 0] as const;

/** `bytes` in chunks that are overwritten as soon as the next is asked for, which a stage has to expect. */
export async function* inChunks(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  const random = seededRandom(bytes.length);
  for (let at = 0; at < bytes.length; ) {
    const end = at + (size || 1 + Math.floor(random() * 10_000));
    const chunk = new Uint8Array(bytes.subarray(at, end)); // a copy, which `slice` of a Buffer is not
    yield chunk;
    at += chunk.length;
    chunk.fill(0xee);
  }
}

export async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts);
}

/** As `collect`, for a stage that reuses its buffers. */
export async function collectCopies(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(new Uint8Array(chunk));
  return Buffer.concat(parts);
}

/** `times` MiB of zeros, from one buffer. */
export async function* zeros(times: number): AsyncGenerator<Uint8Array> {
  const chunk = new Uint8Array(1 << 20);
  for (let count = 0; count < times; count++) yield chunk;
}
