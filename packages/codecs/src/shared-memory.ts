// Apart from the pools, so that worker threads have little to load.

/** Memory that worker threads see, too: jobs pass it on without a copy. */
export type SharedMemory = Uint8Array<SharedArrayBuffer>;

/** Memory for one job; what is needed again and again comes from a pool. */
export function sharedMemory(size: number): SharedMemory {
  return new Uint8Array(new SharedArrayBuffer(size));
}

/**
 * Copies to or from shared memory, for which `set` takes one byte at a time unless both sides happen to be
 * aligned.
 */
export function copyTo(memory: Uint8Array, bytes: Uint8Array, at: number): void {
  if (bytes.length === 0) return; // nothing to fill with
  const target = Buffer.from(memory.buffer, memory.byteOffset + at, bytes.length);
  target.fill(bytes);
}
