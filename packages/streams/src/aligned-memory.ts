const WASM_PAGE_SIZE = 64 * 1024;

/**
 * Memory that begins on a page, as WebAssembly's does: the kernel copies to and from it at up to twice the
 * speed of what the allocator gives, which begins anywhere. It takes a reservation of address space, so it is
 * for buffers that go round; where that is not to be had, it is plain memory, and so are small buffers.
 */
export function alignedMemory(size: number): Uint8Array<ArrayBuffer> {
  if (size < WASM_PAGE_SIZE) return new Uint8Array(size);
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
