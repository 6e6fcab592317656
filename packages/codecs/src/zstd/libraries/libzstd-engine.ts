import type { FilledBuffer } from '../../buffers.js';
import type { SharedMemory } from '../../shared-memory.js';
import type {
  EngineOptions,
  EngineResult,
  FrameCompressor,
  FrameDecompressor,
  FramePiece,
  StreamCompressor,
  StreamResult,
  StreamSettings,
  ZstdEngine,
} from '../engine.js';
import { LibraryError } from '../errors.js';
import { Contexts } from './contexts.js';
import {
  C_CHECKSUM,
  C_LEVEL,
  C_LONG_DISTANCE_MATCHING,
  C_WINDOW_LOG,
  C_WORKERS,
  CONTINUE,
  type Context,
  D_WINDOW_LOG_MAX,
  END,
  type Libzstd,
  loadLibzstd,
  RESET_SESSION,
} from './libzstd.js';

/** koffi has room for twice as many calls under way. */
const MAX_THREADS = 32;

/**
 * The system's libzstd, on Node's thread pool: nothing to build or to start, and nothing copied. (A worker
 * thread takes 35 ms to start, which is a tenth of what a gigabyte takes.)
 */
export async function loadLibzstdEngine(): Promise<ZstdEngine> {
  const library = loadLibzstd();
  return {
    name: 'libzstd',
    version: library.version,
    frameCompressor: (options) => new Compressor(library, options),
    frameDecompressor: (options) => new Decompressor(library, options),
    streamCompressor: (settings, signal) => new OneFrameCompressor(library, settings, signal),
  };
}

class Compressor implements FrameCompressor {
  private readonly contexts: Contexts<Context>;

  constructor(
    private readonly library: Libzstd,
    { threads, level, signal }: EngineOptions & { readonly level: number },
  ) {
    const create = () => newCompressor(library, level);
    this.contexts = new Contexts(Math.min(threads, MAX_THREADS), signal, create, library.freeCompressor);
  }

  async compress({ buffer, length }: FilledBuffer, output: SharedMemory): Promise<EngineResult> {
    const result = await this.contexts.run([buffer, output], (context) =>
      this.library.compress(context, output, output.length, buffer, length),
    );
    return { output, length: checked(this.library, result) };
  }

  close(): void {
    this.contexts.close();
  }
}

class Decompressor implements FrameDecompressor {
  private readonly contexts: Contexts<Context>;
  /** A frame's state is in its context. */
  private readonly inPieces: Contexts<Context>;
  /** Of the frame that comes in pieces: the library refers to it. */
  private dictionary: Uint8Array | undefined;

  constructor(
    private readonly library: Libzstd,
    { threads, maxWindowLog, signal }: EngineOptions & { readonly maxWindowLog: number },
  ) {
    const create = () => {
      const context = library.createDecompressor();
      checked(library, library.setDecompression(context, D_WINDOW_LOG_MAX, maxWindowLog));
      return context;
    };
    this.contexts = new Contexts(Math.min(threads, MAX_THREADS), signal, create, library.freeDecompressor);
    this.inPieces = new Contexts(1, signal, create, library.freeDecompressor);
  }

  async decompress(piece: FramePiece): Promise<EngineResult> {
    const { output, dictionary } = piece;
    const [contexts, decompress] =
      piece.first && piece.last ? [this.contexts, this.whole] : [this.inPieces, this.part];
    const memory = [piece.buffer, output, dictionary ?? this.dictionary].filter((each) => each !== undefined);
    const length = await contexts.run(memory, (context) => decompress(context, piece));
    return { output, length };
  }

  close(): void {
    this.contexts.close();
    this.inPieces.close();
  }

  private readonly whole = async (context: Context, piece: FramePiece): Promise<number> => {
    const { buffer, length, output, dictionary } = piece;
    const { library } = this;
    const content = [context, output, output.length, buffer, length] as const;
    const result =
      dictionary === undefined
        ? await library.decompress(...content)
        : await library.decompressWithDictionary(...content, dictionary, dictionary.length);
    return checked(library, result);
  };

  private readonly part = async (
    context: Context,
    { buffer, length, output, first, last, dictionary }: FramePiece,
  ): Promise<number> => {
    if (first) {
      const { library } = this;
      checked(library, library.resetDecompressor(context, RESET_SESSION));
      checked(library, await library.setDictionary(context, dictionary ?? null, dictionary?.length ?? 0));
      this.dictionary = dictionary;
    }
    let used = 0;
    let written = 0;
    let done = false;
    for (let progress = true; !done && progress; ) {
      const to = { dst: output.subarray(written), size: output.length - written, pos: 0 };
      const from = { src: buffer.subarray(used), size: length - used, pos: 0 };
      done = checked(this.library, await this.library.decompressStream(context, to, from)) === 0;
      used += from.pos;
      written += to.pos;
      progress = to.pos > 0 || (from.pos > 0 && used < length);
    }
    if (used < length) throw new LibraryError('there is more data than the header says');
    if (done !== last) throw new LibraryError(last ? 'the frame ends too early' : 'the frame does not end');
    return written;
  };
}

class OneFrameCompressor implements StreamCompressor {
  private readonly contexts: Contexts<Context>;

  constructor(
    private readonly library: Libzstd,
    { level, threads, windowLog }: StreamSettings,
    signal: AbortSignal | undefined,
  ) {
    const create = () => {
      const context = newCompressor(library, level);
      const set = (parameter: number, value: number) => library.setCompression(context, parameter, value);
      // Also one, as the bytes are others without; a library without threads does it in one.
      set(C_WORKERS, threads);
      if (windowLog !== undefined) {
        checked(library, set(C_WINDOW_LOG, windowLog));
        checked(library, set(C_LONG_DISTANCE_MATCHING, 1));
      }
      return context;
    };
    this.contexts = new Contexts(1, signal, create, library.freeCompressor);
  }

  write(input: FilledBuffer, start: number, end: boolean, output: SharedMemory): Promise<StreamResult> {
    const { buffer, length } = input;
    return this.contexts.run([buffer, output], async (context) => {
      let used = start;
      let written = 0;
      let left = 1;
      // The library may take a bite and come back; what matters is that the input is used or the output full.
      while (written < output.length && (used < length || (end && left > 0))) {
        const to = { dst: output.subarray(written), size: output.length - written, pos: 0 };
        const from = { src: buffer.subarray(used), size: length - used, pos: 0 };
        const directive = end ? END : CONTINUE;
        left = checked(this.library, await this.library.compressStream(context, to, from, directive));
        used += from.pos;
        written += to.pos;
      }
      return { output, used, length: written, done: end && left === 0 };
    });
  }

  close(): void {
    this.contexts.close();
  }
}

function newCompressor(library: Libzstd, level: number): Context {
  const context = library.createCompressor();
  checked(library, library.setCompression(context, C_LEVEL, level));
  checked(library, library.setCompression(context, C_CHECKSUM, 1));
  return context;
}

/** What a call answered. @throws LibraryError when that is an error */
function checked(library: Libzstd, result: number): number {
  if (result < 0) throw new LibraryError(library.errorName(result));
  return result;
}
