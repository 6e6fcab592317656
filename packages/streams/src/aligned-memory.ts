const WASM_PAGE_SIZE = 64 * 1024;

/**
 * Memory that begins on a page, as WebAssembly's does: the kernel copies to and from it at up to twice the
 * speed of what the allocator gives, which begins anywhere. It takes a reservation of address space, so it is
 * for buffers that go round; where that is not to be had, it is plain memory.
 */
export function alignedMemory(size: number): Uint8Array<ArrayBuffer> {
  const initial = Math.ceil(size / WASM_PAGE_SIZE);
  try {
    return new Uint8Array(new WebAssembly.Memory({ initial }).buffer as ArrayBuffer, 0, size);
  } catch {
    return new Uint8Array(size);
  }
}

/** The same, shared between threads. */
export function alignedSharedMemory(size: number): Uint8Array<SharedArrayBuffer> {
  const pages = Math.ceil(size / WASM_PAGE_SIZE);
  try {
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    return new Uint8Array(memory.buffer as SharedArrayBuffer, 0, size);
  } catch {
    return new Uint8Array(new SharedArrayBuffer(size));
  }
}

/**
 * From where the allocator begins large memory, 16 bytes into a page, to the next line of the processor's
 * cache.
 */
const TO_CACHE_LINE = 48;

/**
 * Memory for a chunk that is given away. Where the allocator begins is the worst place to copy pages to: some
 * processors (AMD's Zen 3 and 4) take a few bytes more in the target's place in its page than in the source's
 * for an overlap, and copy at a fifth of their speed, or less.
 */
export function cacheAlignedBuffer(size: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.allocUnsafeSlow(TO_CACHE_LINE + size).buffer, TO_CACHE_LINE, size);
}
