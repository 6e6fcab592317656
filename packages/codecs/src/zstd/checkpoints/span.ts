import { copyTo, type SharedMemory, sharedMemory } from '../../shared-memory.js';
import { LibraryError } from '../errors.js';
import { BLOCK_HEADER_SIZE, decodeBlockHeader, FRAME_MAGIC, MAX_BLOCK_SIZE } from '../format.js';

/**
 * A span is some blocks of a frame, from one checkpoint to the next. In front of them goes a header that claims
 * the frame's window, for offsets may be as long, and the size of the span:
 *
 *     u32 magic, u8 descriptor c0 (eight bytes of content size), u8 window descriptor, u64 content size
 */
export const SPAN_HEADER_SIZE = 14;
/** In a segment's state, above its window descriptor: that it is a span, and not whole frames. */
export const SPAN_STATE = 0x100;
const EIGHT_BYTES_OF_SIZE = 0xc0;

/** The descriptor of the smallest window that holds so much. */
export function windowDescriptor(size: number): number {
  for (let descriptor = 0; descriptor < 256; descriptor++) {
    if (windowSizeOf(descriptor) >= size) return descriptor;
  }
  throw new RangeError(`no window has ${size} bytes`);
}

export function windowSizeOf(descriptor: number): number {
  return 2 ** (10 + (descriptor >> 3)) * (1 + (descriptor & 7) / 8);
}

/** Writes the header of a span before its blocks. */
export function putSpanHeader(frame: SharedMemory, descriptor: number, contentSize: number): void {
  const header = Buffer.from(frame.buffer, frame.byteOffset, SPAN_HEADER_SIZE);
  header.writeUInt32LE(FRAME_MAGIC);
  header[4] = EIGHT_BYTES_OF_SIZE;
  header[5] = descriptor;
  header.writeBigUInt64LE(BigInt(contentSize), 6);
}

/**
 * Makes a frame of a span in place.
 * @param frame room for the header, and the blocks @throws LibraryError when it is not whole blocks of one
 */
export function completeSpan(frame: SharedMemory, descriptor: number, contentSize: number): void {
  putSpanHeader(frame, descriptor, contentSize);
  const { end, last } = wholeBlocks(frame, SPAN_HEADER_SIZE);
  if (last === undefined) throw new LibraryError('a span has no block');
  if (end < frame.length) throw new LibraryError('a block is cut short');
  frame[last]! |= 1;
}

/**
 * Whole blocks, none of which ends the frame any more: one that did may end a span, or stand within one.
 * @param most how many of them, at most
 * @returns where they end, and where the last of them begins @throws LibraryError
 */
export function wholeBlocks(
  bytes: Uint8Array,
  from: number,
  most = Number.POSITIVE_INFINITY,
): { readonly end: number; readonly last: number | undefined } {
  let last: number | undefined;
  let end = from;
  for (let blocks = 0; blocks < most && end + BLOCK_HEADER_SIZE <= bytes.length; blocks++) {
    const { storedSize } = decodeBlockHeader(bytes, end);
    if (storedSize === undefined || storedSize > MAX_BLOCK_SIZE) throw new LibraryError('invalid block');
    const next = end + BLOCK_HEADER_SIZE + storedSize;
    if (next > bytes.length) break;
    bytes[end]! &= 0xfe;
    last = end;
    end = next;
  }
  return { end, last };
}

/** The blocks of a span as they come, with room before them for its header. */
export class SpanBytes {
  private memory: SharedMemory = sharedMemory(1 << 20);
  /** Of the span before, which may still be decompressed. */
  private former: SharedMemory = sharedMemory(0);
  private spare: SharedMemory = sharedMemory(0);
  /** Where the next block begins, and where the bytes end. */
  private at = SPAN_HEADER_SIZE;
  private end = SPAN_HEADER_SIZE;
  private isLast = false;

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

  /** Takes the first blocks. @returns room for a header, and these; valid until the next but one is taken */
  takeSpan(size: number): SharedMemory {
    const { memory, at, end } = this;
    const cut = SPAN_HEADER_SIZE + size;
    const next = this.spare.length < memory.length ? sharedMemory(memory.length) : this.spare;
    copyTo(next, memory.subarray(cut, end), SPAN_HEADER_SIZE);
    [this.memory, this.former, this.spare] = [next, memory, this.former];
    this.at = at - size;
    this.end = end - size;
    return memory.subarray(0, cut);
  }
}
