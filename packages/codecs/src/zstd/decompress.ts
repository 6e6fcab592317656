import { allZero, debugLog, type Stage, stageOf, zeroChunks } from '@vzdump-format/streams';
import { BufferPools } from '../buffers.js';
import { checkedWindowLog, type DecompressOptions, defaultReadThreads } from '../codec.js';
import { decodeInOrder, type ItemDecoder } from '../concurrency.js';
import { copyTo, type SharedMemory } from '../shared-memory.js';
import { ZeroFrame } from '../zeros.js';
import type { EngineResult, FrameDecompressor, FramePiece } from './engine.js';
import { checkedEngineName, loadEngine } from './engines.js';
import { decoderError, LibraryError } from './errors.js';
import { BLOCK_HEADER_SIZE, CHECKSUM_SIZE, MAX_BLOCK_SIZE } from './format.js';
import { DEFAULT_MAX_WINDOW_LOG, type FrameStart, FrameWalker } from './frames.js';

/** A block of 128 KiB of zeros takes four bytes. */
const SMALL_FRAME_RATIO = 1024;

/** All frames, one after the other; skippable frames are passed over. */
export function decompressZstd(options: DecompressOptions = {}): Stage {
  const maxWindowLog = checkedWindowLog(options.maxWindowLog ?? DEFAULT_MAX_WINDOW_LOG);
  const threads = defaultReadThreads(options.threads);
  const engineName = checkedEngineName(options.engine);
  return stageOf(async function* unzstd(source) {
    const engine = await loadEngine(engineName);
    debugLog('zstd: decompressing, threads: %d', threads);
    const walker = new FrameWalker(source, maxWindowLog, options.onWarning);
    const reader = new PieceReader(walker);
    const engineOptions = { threads, maxWindowLog, signal: options.signal };
    const decoder = new PieceDecoder(engine.frameDecompressor(engineOptions), reader, threads);
    try {
      yield* decodeInOrder(piecesOfAllFrames(walker, reader), decoder);
    } finally {
      decoder.close();
      await walker.reader.close();
    }
  }, options.signal);
}

async function* piecesOfAllFrames(walker: FrameWalker, reader: PieceReader): AsyncGenerator<FoundPiece> {
  for (let frame = await walker.next(); frame !== undefined; frame = await walker.next()) {
    yield* reader.pieces(frame);
  }
}

interface Decompressed {
  readonly piece: FramePiece;
  readonly content: EngineResult | Zeros;
}

/** So many zeros. */
interface Zeros {
  readonly zeros: number;
}

class PieceDecoder implements ItemDecoder<FoundPiece, Decompressed> {
  readonly tasks: number;
  private readonly zeroFrame = new ZeroFrame();

  constructor(
    private readonly decompressor: FrameDecompressor,
    private readonly reader: PieceReader,
    threads: number,
  ) {
    this.tasks = threads + 2;
  }

  close(): void {
    this.decompressor.close();
  }

  sizeOf({ piece: { buffer, output } }: FoundPiece): number {
    return buffer.length + output.length;
  }

  async decode({ piece, offset }: FoundPiece): Promise<Decompressed> {
    const frame = smallFrameOf(piece);
    const zeros = frame && this.zeroFrame.lengthOf(frame);
    if (zeros !== undefined) return { piece, content: { zeros } };
    try {
      const content = await this.decompressor.decompress(piece);
      if (frame && allZero(content.output.subarray(0, content.length))) {
        this.zeroFrame.keep(frame, content.length);
      }
      return { piece, content };
    } catch (error) {
      throw error instanceof LibraryError ? decoderError(error, offset) : error;
    }
  }

  *deliver({ piece, content }: Decompressed): Generator<Uint8Array> {
    const { buffers } = this.reader;
    buffers.give(piece.buffer);
    if ('zeros' in content) yield* zeroChunks(content.zeros);
    else if (content.length > 0) yield content.output.subarray(0, content.length);
    buffers.give(piece.output);
  }
}

/** A whole frame that is so small beside its content that this may be zeros. */
function smallFrameOf({ first, last, buffer, length, output }: FramePiece): Uint8Array | undefined {
  const isSmall = first && last && length <= output.length / SMALL_FRAME_RATIO;
  return isSmall ? buffer.subarray(0, length) : undefined;
}

/** A frame of a known content size up to this is decompressed as a whole, beside others. */
const MAX_WHOLE_FRAME = 16 * 1024 * 1024;
/** Of any other, so many blocks go together. */
const BLOCKS_IN_PIECE = 8;
/** Blocks are smaller than 128 KiB where that pays, but not so small on average. */
const MIN_MEAN_BLOCK = 2 * 1024;
const PIECE_CONTENT = BLOCKS_IN_PIECE * MAX_BLOCK_SIZE;
/** Frame header, block headers and checksum. */
const OVERHEAD = 1024;
/** Small frames, pieces, frames of our own writing; whatever is larger has a buffer of its own. */
const BUFFER_SIZES = [64 * 1024 + OVERHEAD, PIECE_CONTENT + OVERHEAD, (6 * 1024 + 64) * 1024];

/** A piece, and where it begins in the file. */
interface FoundPiece {
  readonly piece: FramePiece;
  readonly offset: number;
}

/** Takes the frames of a stream apart, or together, into pieces for a decompressor. */
export class PieceReader {
  readonly buffers = new BufferPools(BUFFER_SIZES);

  constructor(private readonly walker: FrameWalker) {}

  /** The pieces of the frame that the walker stands at. */
  async *pieces(frame: FrameStart): AsyncGenerator<FoundPiece> {
    const { contentSize } = frame.header;
    const whole = contentSize !== undefined && contentSize <= MAX_WHOLE_FRAME;
    const content = whole ? contentSize : PIECE_CONTENT;
    const maxBlocks = whole ? BLOCKS_IN_PIECE + content / MIN_MEAN_BLOCK : BLOCKS_IN_PIECE;
    let piece = new PieceBuilder(this.buffers, content, true, frame.offset);
    piece.add(frame.bytes);
    const room = () => ({ blocks: maxBlocks - piece.blocks, bytes: piece.bytesLeft });
    for await (const { offset, bytes, blocks, size } of this.walker.parts(frame.header, room)) {
      // A whole frame, too, goes in pieces when it has more bytes or blocks than its content can need.
      if (blocks > 0 && (piece.blocks >= maxBlocks || size > piece.bytesLeft)) {
        yield piece.finish(this.buffers.take(content), false);
        piece = new PieceBuilder(this.buffers, Math.max(content, size), false, offset);
      }
      piece.add(bytes);
      piece.blocks += blocks;
    }
    yield piece.finish(this.buffers.take(content), true);
  }
}

class PieceBuilder {
  blocks = 0;
  private readonly buffer: SharedMemory;
  private length = 0;

  constructor(
    buffers: BufferPools,
    content: number,
    private readonly first: boolean,
    private readonly offset: number,
  ) {
    const blocks = Math.ceil(content / MAX_BLOCK_SIZE);
    this.buffer = buffers.take(content + blocks * BLOCK_HEADER_SIZE + OVERHEAD / 2);
  }

  /** Room for blocks: there is more for the checksum. */
  get bytesLeft(): number {
    return this.buffer.length - CHECKSUM_SIZE - this.length;
  }

  add(bytes: Uint8Array): void {
    copyTo(this.buffer, bytes, this.length);
    this.length += bytes.length;
  }

  finish(output: SharedMemory, last: boolean): FoundPiece {
    const { buffer, length, first, offset } = this;
    return { piece: { buffer, length, output, first, last }, offset };
  }
}
