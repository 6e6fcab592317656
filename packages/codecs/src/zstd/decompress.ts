import { debugLog, EventLoopTurns, type Stage, stageOf } from '@vzdump-format/streams';
import { chunkOf, zeroChunks } from '../buffers.js';
import type { DecompressOptions } from '../codec.js';
import { checkedWindowLog, defaultReadThreads } from '../options.js';
import { OrderedQueue } from '../ordered-queue.js';
import { type Delayed, readToError } from '../read-to-error.js';
import { allZero } from '../zeros.js';
import type { EngineResult, FrameDecompressor, FramePiece } from './engine.js';
import { checkedEngineName, loadEngine } from './engines.js';
import { decoderError, LibraryError } from './errors.js';
import { DEFAULT_MAX_WINDOW_LOG, FrameWalker } from './frames.js';
import { type FoundPiece, PieceReader } from './pieces.js';
import { ZeroFrame } from './zero-frame.js';

/** A block of 128 KiB of zeros takes four bytes. */
const SMALL_FRAME_RATIO = 1024;
const MAX_BYTES_UNDER_WAY = 64 * 1024 * 1024;

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
    const output = new Output(engine.frameDecompressor(engineOptions), reader, threads, options);
    try {
      yield* readToError(piecesOfAllFrames(walker, reader), output);
    } finally {
      output.close();
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

/** Keeps several pieces under way, and gives out their contents in order. */
class Output implements Delayed<FoundPiece> {
  private readonly queue: OrderedQueue<Decompressed>;
  private readonly turns = new EventLoopTurns();
  private readonly zeroFrame = new ZeroFrame();

  constructor(
    private readonly decompressor: FrameDecompressor,
    private readonly reader: PieceReader,
    threads: number,
    private readonly options: DecompressOptions,
  ) {
    this.queue = new OrderedQueue({ tasks: threads + 2, bytes: MAX_BYTES_UNDER_WAY });
  }

  async *push(found: FoundPiece): AsyncGenerator<Uint8Array> {
    this.options.signal?.throwIfAborted();
    const { buffer, output } = found.piece;
    this.queue.push(this.decompress(found), buffer.length + output.length);
    while (this.queue.full) yield* this.deliver(await this.queue.next());
    await this.turns.turn();
  }

  async *rest(): AsyncGenerator<Uint8Array> {
    while (!this.queue.empty) yield* this.deliver(await this.queue.next());
  }

  close(): void {
    this.decompressor.close();
  }

  private async decompress({ piece, offset }: FoundPiece): Promise<Decompressed> {
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

  private async *deliver({ piece, content }: Decompressed): AsyncGenerator<Uint8Array> {
    const { buffers } = this.reader;
    const { reuseBuffers } = this.options;
    buffers.give(piece.buffer);
    if ('zeros' in content) yield* zeroChunks(content.zeros, reuseBuffers);
    else if (content.length > 0) yield chunkOf(content.output, content.length, reuseBuffers);
    buffers.give(piece.output);
  }
}

/** A whole frame that is so small beside its content that this may be zeros. */
function smallFrameOf({ first, last, buffer, length, output }: FramePiece): Uint8Array | undefined {
  const isSmall = first && last && length <= output.length / SMALL_FRAME_RATIO;
  return isSmall ? buffer.subarray(0, length) : undefined;
}
