import type { SharedMemory } from '../../shared-memory.js';
import { LibraryError } from '../errors.js';
import { BLOCK_HEADER_SIZE, decodeBlockHeader, FRAME_MAGIC, MAX_BLOCK_SIZE } from '../format.js';

/**
 * A span is some blocks of a frame, from one checkpoint to the next. In front of them goes a header that
 * claims the frame's window, for offsets may be as long, and the size of the span:
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
