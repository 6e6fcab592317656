import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';

/** The sizes that every reader is tried with: around those that tar, VMA and the codecs count in. */
export const CHUNK_SIZES = [1, 7, 511, 512, 513, 4095, 4096, 4097, 65536, 'random'] as const;

export type ChunkSize = number | 'random';

const LARGEST_RANDOM = 5000;

type Producer = (bytes: Uint8Array, size: ChunkSize) => AsyncGenerator<Uint8Array>;

/**
 * A small generator with a seed (mulberry32), so that a failure can be repeated: numbers from 0 up to
 * `below`.
 */
export function seededRandom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

/** Bytes without a pattern and without a zero, the same for the same seed. */
export function noise(length: number, seed = 1): Buffer {
  const random = seededRandom(seed);
  const bytes = Buffer.alloc(length);
  for (let index = 0; index < length; index++) bytes[index] = 1 + random(255);
  return bytes;
}

/** Each chunk in memory of its own. */
export async function* chunked(bytes: Uint8Array, size: ChunkSize): AsyncGenerator<Uint8Array> {
  for (const [start, end] of cuts(bytes.length, size)) yield Uint8Array.from(bytes.subarray(start, end));
}

/** All chunks in one buffer, which is overwritten as soon as the next one is asked for. */
export async function* overwriting(
  bytes: Uint8Array,
  size: ChunkSize,
  buffer: Uint8Array = Buffer.alloc(largest(size)),
): AsyncGenerator<Uint8Array> {
  for (const [start, end] of cuts(bytes.length, size)) {
    buffer.set(bytes.subarray(start, end));
    yield buffer.subarray(0, end - start);
    buffer.fill(0xee);
  }
}

/**
 * What a stage gives, chunks or records with bytes in them, as it may have been lent: in memory that is
 * overwritten as soon as the next is asked for, so that it shows when somebody keeps it.
 * @throws Error when what was given is not as it was until then: overwritten too early, or by who got it
 */
export async function* lending<T>(items: AsyncIterable<T>): AsyncGenerator<T> {
  for await (const item of items) {
    const loan = new Loan();
    yield loan.of(item);
    await setImmediate(); // another thread may be about to write
    loan.end();
  }
}

class Loan {
  private readonly lent: { readonly bytes: Uint8Array; readonly copy: Uint8Array }[] = [];

  of<T>(item: T): T {
    if (item instanceof Uint8Array) return this.lend(item) as T;
    if (typeof item !== 'object' || item === null) return item;
    const values = Object.entries(item).map(([key, value]) => {
      if (value instanceof Uint8Array) return [key, this.lend(value)];
      return [key, isAsyncIterable(value) ? lending(value) : value];
    });
    return Object.fromEntries(values) as T;
  }

  end(): void {
    for (const { bytes, copy } of this.lent) {
      if (Buffer.compare(bytes, copy) !== 0)
        throw new Error('bytes that were lent have changed before their time');
      copy.fill(0xee);
    }
  }

  private lend(bytes: Uint8Array): Uint8Array {
    const copy = Uint8Array.from(bytes);
    this.lent.push({ bytes, copy });
    return copy;
  }
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}

/** Ways in which chunks may have been made. A `Buffer` has a `slice` and a `subarray` of its own. */
export const PRODUCERS: readonly (readonly [name: string, producer: Producer])[] = [
  ['own memory', chunked],
  ['a reused Uint8Array', (bytes, size) => overwriting(bytes, size, new Uint8Array(largest(size)))],
  ['a reused Buffer', overwriting],
];

/** Bytes in all that a reader of chunks takes. */
export const INPUTS: readonly (readonly [
  name: string,
  give: (bytes: Uint8Array) => AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
])[] = [
  ['an array', pieces],
  ['a generator', (bytes) => pieces(bytes).values()],
  ['an asynchronous generator', (bytes) => chunked(bytes, 1000)],
  ['a Node stream', (bytes) => Readable.from(pieces(bytes))],
  ['a web stream', (bytes) => new Blob([Uint8Array.from(bytes)]).stream()],
];

function pieces(bytes: Uint8Array): Uint8Array[] {
  const starts = Array.from({ length: Math.ceil(bytes.length / 1000) }, (_, index) => index * 1000);
  return starts.map((start) => Uint8Array.from(bytes.subarray(start, start + 1000)));
}

export async function collect(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(Uint8Array.from(chunk));
  return Buffer.concat(parts);
}

/**
 * The same, but each is looked at only when the next one has been asked for, until when it has to be as it
 * was.
 */
export async function collectLate(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let before: Uint8Array = new Uint8Array();
  for await (const chunk of chunks) {
    parts.push(Uint8Array.from(before));
    before = chunk;
  }
  return Buffer.concat([...parts, before]);
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function largest(size: ChunkSize): number {
  return size === 'random' ? LARGEST_RANDOM : size;
}

function* cuts(length: number, size: ChunkSize): Generator<readonly [start: number, end: number]> {
  const random = seededRandom(length);
  for (let start = 0; start < length; ) {
    const step = size === 'random' ? 1 + random(LARGEST_RANDOM) : size;
    if (step < 1) throw new RangeError(`chunks of ${step} bytes`);
    const end = Math.min(length, start + step);
    yield [start, end];
    start = end;
  }
}
