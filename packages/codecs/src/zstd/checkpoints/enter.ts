import { type ByteSource, readFully } from '@vzdump-format/streams';
import type { Segment } from '../../seekable/segments.js';
import { copyTo, type SharedMemory, sharedMemory } from '../../shared-memory.js';
import type { FrameDecompressor } from '../engine.js';
import { LibraryError, windowTooLarge } from '../errors.js';
import { decodeFrameHeader, FRAME_MAGIC, headerRestSize, MAGIC_SIZE, MAX_BLOCK_SIZE } from '../format.js';
import { putSpanHeader, SPAN_HEADER_SIZE, SPAN_STATE, wholeBlocks, windowSizeOf } from './span.js';
import { dictionaryOf } from './window.js';

/** Decompresses a frame. @param output room for it @throws LibraryError */
export type DecodeFrame = (
  frame: SharedMemory,
  output: SharedMemory,
  dictionary?: Uint8Array,
) => Promise<Uint8Array>;

/** A state has tables beside what is needed of the window, and where that lies. */
const STATE_BASE = 64 * 1024;

/** What a span is decompressed with. */
interface SpanStart {
  /** Of the window. */
  readonly descriptor: number;
  readonly dictionary: Uint8Array | undefined;
}

/**
 * What the index has of a span. Nothing of it is trusted.
 * @throws LibraryError where the index is wrong; `ZSTD_WINDOW`
 */
export async function enterSpan(
  { offset, contentSize, state, dictionary }: Segment,
  maxWindowLog: number,
  decodeFrame: DecodeFrame,
): Promise<SpanStart> {
  const descriptor = state ^ SPAN_STATE;
  if (descriptor < 0 || descriptor > 255) throw new LibraryError('the index tells of no known state');
  const windowSize = windowSizeOf(descriptor);
  if (windowSize > 2 ** maxWindowLog) throw windowTooLarge(windowSize, maxWindowLog, offset);
  if (dictionary === undefined) return { descriptor, dictionary: undefined };
  const packed = sharedMemory(dictionary.length);
  copyTo(packed, dictionary, 0);
  const stateSize = contentSizeOf(packed);
  if (stateSize > STATE_BASE + 2 * contentSize) throw new LibraryError('the index has an impossible state');
  const unpacked = await decodeFrame(packed, sharedMemory(stateSize));
  return { descriptor, dictionary: dictionaryOf(Buffer.from(unpacked), windowSize) };
}

/** What is read at a time; a block with its header is a good deal smaller. */
const STEP_SIZE = 512 * 1024;
const BLOCKS_AT_A_TIME = 8;

/**
 * The content of a span, a few blocks at a time: no more is read and decompressed than is asked for.
 * @param output room for the content @param decompressor for this span alone
 * @returns the content so far
 * @throws LibraryError; `UNEXPECTED_END`
 */
export async function* spanInPieces(
  source: ByteSource,
  { offset, size, contentSize }: Segment,
  { descriptor, dictionary }: SpanStart,
  output: SharedMemory,
  decompressor: FrameDecompressor,
): AsyncGenerator<Uint8Array> {
  const buffer = sharedMemory(SPAN_HEADER_SIZE + Math.min(size, STEP_SIZE));
  putSpanHeader(buffer, descriptor, contentSize);
  let [filled, read, done] = [SPAN_HEADER_SIZE, 0, 0];
  for (let first = true, isLast = false; !isLast; first = false) {
    const find = () =>
      wholeBlocks(buffer.subarray(0, filled), first ? SPAN_HEADER_SIZE : 0, BLOCKS_AT_A_TIME);
    let { end: length, last } = find();
    if (last === undefined) {
      const step = Math.min(size - read, buffer.length - filled);
      await readFully(source, buffer.subarray(filled, filled + step), offset + read);
      filled += step;
      read += step;
      ({ end: length, last } = find());
    }
    if (last === undefined) throw new LibraryError('a block is cut short');
    isLast = read === size && length === filled;
    if (isLast) buffer[last]! |= 1;
    const room = output.subarray(done, Math.min(contentSize, done + BLOCKS_AT_A_TIME * MAX_BLOCK_SIZE));
    const piece = { buffer, length, output: room, first, last: isLast, ...(first && { dictionary }) };
    const result = await decompressor.decompress(piece);
    if (result.output.buffer !== output.buffer) copyTo(room, result.output.subarray(0, result.length), 0);
    done += result.length;
    buffer.copyWithin(0, length, filled);
    filled -= length;
    if (result.length > 0) yield output.subarray(0, done);
  }
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
