import {
  ArchiveError,
  alignedSharedMemory,
  allZero,
  type Boundaries,
  debugLog,
  mapOrdered,
  type Stage,
  stageOf,
} from '@vzdump-format/streams';
import { BufferPool, type FilledBuffer, gather } from '../buffers.js';
import {
  type CompressOptions,
  checkedLevel,
  checkedThreads,
  checkedWindowLog,
  type LevelRange,
} from '../codec.js';
import { MAX_SEGMENT_CONTENT } from '../seekable/segments.js';
import { copyTo, type SharedMemory } from '../shared-memory.js';
import { ZeroFrame } from '../zeros.js';
import type { EngineResult, StreamSettings } from './engine.js';
import { checkedEngineName, loadEngine } from './engines.js';
import { CHECKSUM_SIZE } from './format.js';
import { encodeSeekTable, type SeekTableEntry } from './seek-table.js';

/** As `zstd -1` … `zstd --ultra -22`. */
export const ZSTD_LEVELS: LevelRange = { min: 1, max: 22, default: 3 };

/** 4 MiB cost less than 0.4 % of the ratio; a reader of a single file decompresses so much at least. */
const FRAME_SIZE = 4 * 1024 * 1024;
/** With boundaries given: the largest VMA extent and the small ones that may follow it. */
const MAX_BOUNDED_FRAME_SIZE = 6 * 1024 * 1024;
/** So that `openSeekable` reads what is written. */
const MAX_FRAME_SIZE = MAX_SEGMENT_CONTENT;
/**
 * How many frames may wait or be done beside those being compressed: one may take several times as long as
 * another, and reading goes on meanwhile.
 */
const WAITING_FRAMES = 4;
const STREAM_BUFFER_SIZE = 1024 * 1024;

/**
 * Seekable: independent frames, each with its size and checksum, and a seek table behind them. With
 * `seekable: false` or a `windowLog`: one frame, as the zstd program makes it of a pipe.
 */
export function compressZstd(options: CompressOptions = {}): Stage {
  const level = checkedLevel('zstd', ZSTD_LEVELS, options.level);
  const threads = checkedThreads(options.threads);
  const windowLog = options.windowLog === undefined ? undefined : checkedWindowLog(options.windowLog);
  const frameSize = checkedFrameSize(options);
  checkedEngineName(options.engine);
  const inOneFrame = options.seekable === false || windowLog !== undefined;
  return inOneFrame
    ? stageOf((source) => compressInOneFrame(source, { level, threads, windowLog }, options), options.signal)
    : stageOf((source) => compressInFrames(source, { level, threads, frameSize }, options), options.signal);
}

async function* compressInFrames(
  source: AsyncIterable<Uint8Array>,
  { level, threads, frameSize }: { level: number; threads: number; frameSize: number },
  { boundaries, engine: name, signal }: CompressOptions,
): AsyncGenerator<Uint8Array> {
  const engine = await loadEngine(checkedEngineName(name));
  debugLog('zstd: compressing, threads: %d, seekable: frames of at most %d bytes', threads, frameSize);
  const compressor = engine.frameCompressor({ threads, level, signal });
  const inputs = new BufferPool(frameSize);
  const outputs = new BufferPool(frameBound(inputs.size));
  const table: SeekTableEntry[] = [];
  const zeroFrame = new ZeroFrame();
  try {
    const contents = frames(cutFrames(source, inputs, boundaries), inputs);
    const frameOf = async (content: FilledBuffer, room: SharedMemory): Promise<EngineResult> => {
      const { buffer, length } = content;
      const isZeros = allZero(buffer.subarray(0, length));
      const known = isZeros ? zeroFrame.frameOf(length) : undefined;
      if (known !== undefined) return { output: known, length: known.length };
      const frame = await compressor.compress(content, room);
      if (isZeros) zeroFrame.keep(frame.output.subarray(0, frame.length), length);
      return frame;
    };
    const compress = async (content: FilledBuffer) => {
      const room = outputs.take();
      return { content, room, frame: await frameOf(content, room) };
    };
    for await (const { content, room, frame } of mapOrdered(contents, threads + WAITING_FRAMES, compress)) {
      table.push(tableEntry(frame, content.length));
      inputs.give(content.buffer);
      yield frame.output.subarray(0, frame.length);
      outputs.give(room);
    }
    yield encodeSeekTable(table);
  } finally {
    compressor.close();
  }
}

/** @throws `CODEC_FRAME_SIZE` */
function checkedFrameSize({ frameSize, boundaries }: CompressOptions): number {
  const size = frameSize ?? (boundaries === undefined ? FRAME_SIZE : MAX_BOUNDED_FRAME_SIZE);
  if (Number.isInteger(size) && size >= 1 && size <= MAX_FRAME_SIZE) return size;
  throw new ArchiveError('CODEC_FRAME_SIZE', `a frame holds 1 to ${MAX_FRAME_SIZE} bytes, not ${size}`);
}

/** An empty stream has a frame, too, so that the file is known for what it is. */
async function* frames(
  contents: AsyncIterable<FilledBuffer>,
  inputs: BufferPool,
): AsyncGenerator<FilledBuffer> {
  let empty = true;
  for await (const content of contents) {
    empty = false;
    yield content;
  }
  if (empty) yield { buffer: inputs.take(), length: 0 };
}

/** The checksum at the end of a frame is that of the seek table. */
function tableEntry({ output, length }: EngineResult, contentSize: number): SeekTableEntry {
  const checksum = Buffer.from(output.buffer, output.byteOffset + length - CHECKSUM_SIZE).readUInt32LE();
  return { compressedSize: length, contentSize, checksum };
}

async function* compressInOneFrame(
  source: AsyncIterable<Uint8Array>,
  settings: StreamSettings,
  { engine: name, signal }: CompressOptions,
): AsyncGenerator<Uint8Array> {
  const engine = await loadEngine(checkedEngineName(name));
  debugLog('zstd: compressing, threads: %d, not seekable: one frame', settings.threads);
  const compressor = engine.streamCompressor(settings, signal);
  const inputs = new BufferPool(STREAM_BUFFER_SIZE);
  const room = alignedSharedMemory(STREAM_BUFFER_SIZE);
  const write = async function* (input: FilledBuffer, end: boolean) {
    for (let used = 0, done = false; end ? !done : used < input.length; ) {
      const { output, length, ...progress } = await compressor.write(input, used, end, room);
      ({ used, done } = progress);
      if (length > 0) yield output.subarray(0, length);
    }
    inputs.give(input.buffer);
  };
  try {
    for await (const filled of gather(source, inputs)) yield* write(filled, false);
    yield* write({ buffer: inputs.take(), length: 0 }, true);
  } finally {
    compressor.close();
  }
}

/** The most that a frame can become (ZSTD_compressBound, with room for header and checksum). */
function frameBound(size: number): number {
  return size + (size >> 8) + 128;
}

/**
 * Cuts a stream into the contents of frames: at each boundary, and where a frame has reached the size of a
 * buffer of the pool.
 */
async function* cutFrames(
  source: AsyncIterable<Uint8Array>,
  pool: BufferPool,
  boundaries?: Boundaries,
): AsyncGenerator<FilledBuffer> {
  let begin = 0;
  let buffer = pool.take();
  let length = 0;
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length; ) {
      const boundary = boundaries?.after(begin);
      const end = Math.min(pool.size, boundary === undefined ? pool.size : boundary - begin);
      if (length === end) {
        yield { buffer, length };
        begin += length;
        buffer = pool.take();
        length = 0;
        continue;
      }
      const part = chunk.subarray(at, at + end - length);
      copyTo(buffer, part, length);
      length += part.length;
      at += part.length;
    }
  }
  if (length > 0) yield { buffer, length };
}
