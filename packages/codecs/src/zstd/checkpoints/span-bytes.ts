import { copyTo, type SharedMemory, sharedMemory } from '../../shared-memory.js';
import { BLOCK_HEADER_SIZE, decodeBlockHeader } from '../format.js';
import { SPAN_HEADER_SIZE } from './span.js';

/** The blocks of a span as they come, with room before them for its header. */
export class SpanBytes {
  private memory: SharedMemory;
  /** Of the span before, which is decompressed while this one comes. */
  private former: SharedMemory = sharedMemory(0);
  /** Where the next block begins, and where the bytes end. */
  private at = SPAN_HEADER_SIZE;
  private end = SPAN_HEADER_SIZE;
  private isLast = false;

  /** @param size of the memory, which grows where it has to */
  constructor(size: number) {
    this.memory = sharedMemory(Math.ceil(size));
  }

  clear(): void {
    this.isLast = false;
    this.at = SPAN_HEADER_SIZE;
    this.end = SPAN_HEADER_SIZE;
  }

  append(bytes: Uint8Array): void {
    if (this.end + bytes.length > this.memory.length) {
      const memory = sharedMemory(Math.max(this.memory.length * 2, this.end + bytes.length));
      copyTo(memory, this.memory.subarray(0, this.end), 0);
      this.memory = memory;
    }
    copyTo(this.memory, bytes, this.end);
    this.end += bytes.length;
  }

  /** Goes to the next block. @returns its header and what it holds; undefined while it is not whole */
  nextBlock(): Uint8Array | undefined {
    const start = this.at;
    if (this.isLast || this.end - start < BLOCK_HEADER_SIZE) return undefined;
    const { last, storedSize } = decodeBlockHeader(this.memory, start);
    const end = start + BLOCK_HEADER_SIZE + storedSize!; // the walker has checked it
    if (end > this.end) return undefined;
    this.isLast = last;
    this.at = end;
    return this.memory.subarray(start, end);
  }

  /** Takes the last of the bytes. */
  takeLast(count: number): Buffer {
    this.end -= count;
    return Buffer.from(this.memory.slice(this.end, this.end + count));
  }

  /** Takes the first blocks. @returns room for a header, and these; valid until the next are taken */
  takeSpan(size: number): SharedMemory {
    const { memory, at, end } = this;
    const cut = SPAN_HEADER_SIZE + size;
    const next = this.former.length < memory.length ? sharedMemory(memory.length) : this.former;
    copyTo(next, memory.subarray(cut, end), SPAN_HEADER_SIZE);
    [this.memory, this.former] = [next, memory];
    this.at = at - size;
    this.end = end - size;
    return memory.subarray(0, cut);
  }
}
