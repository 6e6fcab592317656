import { ArchiveError, type ByteSource, debugLog, readChunks, readFully } from '@vzdump-format/streams';
import { checkedWindowLog, defaultReadThreads, type SeekableOptions } from '../codec.js';
import type { SegmentDecoder } from '../seekable/segmented-source.js';
import {
  HINT_CONVERT,
  HINT_INDEX,
  MAX_SEGMENT_CONTENT,
  notSeekable,
  type Segment,
} from '../seekable/segments.js';
import { type SharedMemory, sharedMemory } from '../shared-memory.js';
import { type DecodeFrame, enterSpan, spanInPieces } from './checkpoints/enter.js';
import { completeSpan, SPAN_HEADER_SIZE, windowSizeOf } from './checkpoints/span.js';
import type { FrameDecompressor } from './engine.js';
import { checkedEngineName, loadEngine } from './engines.js';
import { decoderError, LibraryError } from './errors.js';
import {
  BLOCK_HEADER_SIZE,
  decodeBlockHeader,
  decodeFrameHeader,
  FRAME_MAGIC,
  headerRestSize,
  MAGIC_SIZE,
  MAX_BLOCK_SIZE,
} from './format.js';
import { DEFAULT_MAX_WINDOW_LOG, FrameWalker } from './frames.js';
import { readSeekTable } from './seek-table.js';

/** The frames, from the seek table. @throws `NOT_SEEKABLE` when there is none. */
export async function zstdSegments(source: ByteSource): Promise<Segment[]> {
  const table = await readSeekTable(source);
  if (table === undefined) throw await withoutTable(source);
  debugLog('zstd: seekable by its seek table of %d frames', table.frames.length);
  let offset = 0;
  return table.frames.map(({ compressedSize, contentSize }) => {
    const segment = { offset, size: compressedSize, contentSize, state: 0 };
    checkSize(segment);
    offset += compressedSize;
    return segment;
  });
}

/** An index helps, unless the first frame tells that it cannot be read at all. */
async function withoutTable(source: ByteSource): Promise<ArchiveError> {
  const anyWindow = Number.POSITIVE_INFINITY; // none is needed for its header
  await new FrameWalker(readChunks(source), anyWindow).next();
  return notSeekable('this zstd file has no seek table', HINT_INDEX);
}

/** Decompresses frames and spans, several at a time. */
export async function zstdSegmentDecoder(
  options: SeekableOptions,
  isInParts: boolean,
): Promise<SegmentDecoder> {
  const engine = await loadEngine(checkedEngineName(options.engine));
  const threads = defaultReadThreads(options.threads);
  const maxWindowLog = windowLogOf(options);
  const { signal } = options;
  const decompressor = engine.frameDecompressor({ threads, maxWindowLog, signal });
  const decodeFrame = frameDecoder(decompressor);
  /** What a span begins with is small, and does not wait for the spans before it. */
  const states = engine.frameDecompressor({ threads, maxWindowLog, signal });
  const openSpan = (segment: Segment) => enterSpan(segment, maxWindowLog, frameDecoder(states));
  return {
    isInParts,
    threads,
    headRoom: SPAN_HEADER_SIZE,
    async decode(compressed, segment, output) {
      const { offset, contentSize, state } = segment;
      try {
        if (state === 0) return await decodeFrame(compressed.subarray(SPAN_HEADER_SIZE), output);
        const { descriptor, dictionary } = await openSpan(segment);
        completeSpan(compressed, descriptor, contentSize);
        return await decodeFrame(compressed, output, dictionary);
      } catch (error) {
        throw error instanceof LibraryError ? decoderError(error, offset) : error;
      }
    },
    async *decodeInPieces(source, segment, output) {
      const pieces = engine.frameDecompressor({ threads: 1, maxWindowLog, signal });
      try {
        if (segment.state === 0) throw new LibraryError('the index has checksums of a whole frame');
        yield* spanInPieces(source, segment, await openSpan(segment), output, pieces);
      } catch (error) {
        throw error instanceof LibraryError ? decoderError(error, segment.offset) : error;
      } finally {
        pieces.close();
      }
    },
    stateSize: ({ state }) => (state === 0 ? 0 : 2 * windowSizeOf(state & 0xff)),
    async decodeHead(source, segment) {
      const frame = segment.state === 0 ? await firstBlock(source, segment) : undefined;
      if (frame === undefined) return NOTHING;
      try {
        return await decodeFrame(frame, sharedMemory(MAX_BLOCK_SIZE));
      } catch (error) {
        throw error instanceof LibraryError ? decoderError(error, segment.offset) : error;
      }
    },
    mismatch: ({ offset }) =>
      new ArchiveError('ZSTD_CHECKSUM', 'the zstd data is not what it was when its index was made', {
        offset,
        hint: 'the file is damaged, or has changed since',
      }),
    close() {
      decompressor.close();
      states.close();
    },
  };
}

function frameDecoder(decompressor: FrameDecompressor): DecodeFrame {
  return async (buffer, output, dictionary) => {
    const piece = { buffer, length: buffer.length, output, first: true, last: true, dictionary };
    const result = await decompressor.decompress(piece);
    return result.output.subarray(0, result.length);
  };
}

const NOTHING = new Uint8Array(0);
/** Header and the header of the first block, at most. */
const LONGEST_START = 18 + BLOCK_HEADER_SIZE;
/** A frame that tells neither size nor checksum, with a window of 128 KiB. */
const FRAME_OF_ONE_BLOCK = [0, 7 << 3] as const;

/** A frame's first block as a frame of its own; `undefined` where it cannot be one, for whatever reason. */
async function firstBlock(source: ByteSource, { offset, size }: Segment): Promise<SharedMemory | undefined> {
  if (size < LONGEST_START) return undefined;
  const start = Buffer.alloc(LONGEST_START);
  await readFully(source, start, offset);
  if (start.readUInt32LE() !== FRAME_MAGIC) return undefined;
  const descriptor = start[MAGIC_SIZE]!;
  const headerSize = MAGIC_SIZE + 1 + headerRestSize(descriptor);
  const { dictionaryId } = decodeFrameHeader(descriptor, start.subarray(MAGIC_SIZE + 1, headerSize));
  const { storedSize } = decodeBlockHeader(start, headerSize);
  if (dictionaryId !== 0 || storedSize === undefined || storedSize > MAX_BLOCK_SIZE) return undefined;
  const blockSize = BLOCK_HEADER_SIZE + storedSize;
  if (headerSize + blockSize > size) return undefined;
  const blockAt = MAGIC_SIZE + FRAME_OF_ONE_BLOCK.length;
  const frame = sharedMemory(blockAt + blockSize);
  frame.set(start.subarray(0, MAGIC_SIZE));
  frame.set(FRAME_OF_ONE_BLOCK, MAGIC_SIZE);
  await readFully(source, frame.subarray(blockAt), offset + headerSize);
  frame[blockAt]! |= 1; // it is the last one
  return frame;
}

function windowLogOf({ maxWindowLog = DEFAULT_MAX_WINDOW_LOG }: SeekableOptions): number {
  return checkedWindowLog(maxWindowLog);
}

function checkSize({ contentSize }: { readonly contentSize: number }): void {
  if (contentSize <= MAX_SEGMENT_CONTENT) return;
  throw notSeekable(
    `a zstd frame holds ${contentSize} bytes, and cannot be entered in the middle`,
    HINT_CONVERT,
  );
}
