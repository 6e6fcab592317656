/** What is used of WebAssembly here: the type library that has all of it is the browser's. */
declare namespace WebAssembly {
  class Memory {
    constructor(descriptor: { initial: number; maximum?: number; shared?: boolean });
    readonly buffer: ArrayBuffer | SharedArrayBuffer;
  }
}

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

/** Small enough to stay in the processor's cache, however often it is given out. */
const ZEROS = new Uint8Array(256 * 1024);

/** Whether there are only zeros. Each byte is compared with the one before it, at the speed of memory. */
export function allZero(bytes: Uint8Array): boolean {
  return (
    bytes.length === 0 || (bytes[0] === 0 && Buffer.compare(bytes.subarray(1), bytes.subarray(0, -1)) === 0)
  );
}

/** So many zeros, in chunks: the same few again and again, which nobody may write to. */
export function* zeroChunks(length: number): Generator<Uint8Array> {
  for (let at = 0; at < length; at += ZEROS.length) yield ZEROS.subarray(0, length - at);
}
