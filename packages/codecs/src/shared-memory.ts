/**
 * Memory that worker threads and native libraries see without a copy. It stands apart from the pools, so that
 * worker threads have little to load.
 *
 * Measured: 400 MiB in chunks of 64 KiB, at places that are not aligned, are copied in 0.014 s by `fill`
 * instead of 0.106 s by `set`, which takes one byte at a time there; where both sides are aligned, there is
 * no difference. To measure again, put `memory.set(bytes, at)` into `copyTo`, and run
 * `BENCH_CASES=2 npm run bench -- codecs`.
 */
export type SharedMemory = Uint8Array<SharedArrayBuffer>;

/** Memory for one job; what is needed again and again comes from a pool. */
export function sharedMemory(size: number): SharedMemory {
  return new Uint8Array(new SharedArrayBuffer(size));
}

/** Copies to or from shared memory. */
export function copyTo(memory: Uint8Array, bytes: Uint8Array, at: number): void {
  if (bytes.length === 0) return; // nothing to fill with
  const target = Buffer.from(memory.buffer, memory.byteOffset + at, bytes.length);
  target.fill(bytes);
}

const SHORT = 64;

/** Copies a part of other memory, which is most often so short that a call would take longer. */
export function copyShort(
  from: Uint8Array,
  start: number,
  length: number,
  memory: Uint8Array,
  at: number,
): void {
  if (length > SHORT) copyTo(memory, from.subarray(start, start + length), at);
  else for (let index = 0; index < length; index++) memory[at + index] = from[start + index]!;
}
