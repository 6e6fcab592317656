import { MAX_SEGMENT_CONTENT, type Segment } from '../../seekable/segments.js';
import { copyTo, type SharedMemory, sharedMemory } from '../../shared-memory.js';
import { LibraryError, windowTooLarge } from '../errors.js';
import { decodeFrameHeader, FRAME_MAGIC, headerRestSize, MAGIC_SIZE } from '../format.js';
import { SPAN_STATE, spanFrame, windowSizeOf } from './span.js';
import { dictionaryOf } from './window.js';

/** Decompresses a frame that holds so much, at most. @throws LibraryError */
export type DecodeFrame = (frame: SharedMemory, contentSize: number) => Promise<Uint8Array>;

/** A state has tables beside what is needed of the window, and where that lies. */
const STATE_BASE = 64 * 1024;

/**
 * A span of an index as a frame, and the dictionary to decompress it with. Nothing in the index is trusted.
 * @param blocks the bytes of the segment
 * @throws LibraryError where they are none, or the index is wrong; `ZSTD_WINDOW`
 */
export async function enterSpan(
  blocks: Uint8Array,
  { offset, contentSize, state, dictionary }: Segment,
  maxWindowLog: number,
  decodeFrame: DecodeFrame,
): Promise<{ readonly frame: SharedMemory; readonly dictionary: SharedMemory | undefined }> {
  const descriptor = state ^ SPAN_STATE;
  if (descriptor < 0 || descriptor > 255) throw new LibraryError('the index tells of no known state');
  if (blocks.length > 2 * MAX_SEGMENT_CONTENT) throw new LibraryError('the index has an impossible span');
  const windowSize = windowSizeOf(descriptor);
  if (windowSize > 2 ** maxWindowLog) throw windowTooLarge(windowSize, maxWindowLog, offset);
  const frame = spanFrame(blocks, descriptor, contentSize);
  if (dictionary === undefined) return { frame, dictionary: undefined };
  const packed = sharedMemory(dictionary.length);
  copyTo(packed, dictionary, 0);
  const stateSize = contentSizeOf(packed);
  if (stateSize > STATE_BASE + 2 * contentSize) throw new LibraryError('the index has an impossible state');
  const unpacked = await decodeFrame(packed, stateSize);
  return { frame, dictionary: dictionaryOf(Buffer.from(unpacked), windowSize) };
}

function contentSizeOf(frame: Uint8Array): number {
  const descriptor = frame[MAGIC_SIZE] ?? 0;
  const end = MAGIC_SIZE + 1 + headerRestSize(descriptor);
  const header = Buffer.from(frame.subarray(0, end));
  if (header.length < end || header.readUInt32LE() !== FRAME_MAGIC) {
    throw new LibraryError('the index has no state');
  }
  const { contentSize } = decodeFrameHeader(descriptor, header.subarray(MAGIC_SIZE + 1));
  if (contentSize === undefined) throw new LibraryError('the index has a state of no known size');
  return contentSize;
}
