import type { Transform } from 'node:stream';
import { promisify } from 'node:util';
import type { FilledBuffer } from '../../buffers.js';
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
import { decodeInlined } from '../inline-dictionary.js';
import { PlainDecoder } from '../plain/decoder.js';
import { Contexts } from './contexts.js';
import { C_CHECKSUM, C_LEVEL, C_LONG_DISTANCE_MATCHING, C_WINDOW_LOG, D_WINDOW_LOG_MAX } from './libzstd.js';

const STREAM_CHUNK = 1024 * 1024;
/** What node:zlib wants. */
const MIN_CHUNK = 64;

/**
 * node:zlib, which works on Node's thread pool. A frame is one call, since what a stream of several would
 * save is a twentieth of the time. `nbWorkers` is never set: node:zlib then loses most of the data, and says
 * nothing.
 * @param dictionaries whether to take them where it can; otherwise they are put into the frame
 */
export async function loadNodeEngine(dictionaries = true): Promise<ZstdEngine> {
  const zlib = loadNodeZlib();
  const takesDictionary = dictionaries && knowsDictionaries(zlib);
  return {
    name: 'node',
    version: process.versions.zstd ?? 'unknown',
    frameCompressor: (options) => new Compressor(zlib, options),
    frameDecompressor: (options) => new Decompressor(zlib, takesDictionary, options),
    streamCompressor: (settings, signal) => new OneFrameCompressor(zlib, settings, signal),
  };
}

class Compressor implements FrameCompressor {
  private readonly calls: Contexts<undefined>;
  private readonly params: NodeZstdOptions['params'];

  constructor(
    private readonly zlib: NodeZlib,
    { threads, level, signal }: EngineOptions & { readonly level: number },
  ) {
    this.calls = freeCalls(threads, signal);
    this.params = { [C_LEVEL]: level, [C_CHECKSUM]: 1 };
  }

  async compress({ buffer, length }: FilledBuffer, room: Uint8Array): Promise<EngineResult> {
    const options = { params: this.params, chunkSize: room.length, pledgedSrcSize: length };
    const frame = promisify(this.zlib.zstdCompress);
    const output = await this.calls.run([buffer], () => frame(buffer.subarray(0, length), options));
    return { output, length: output.length };
  }

  close(): void {
    this.calls.close();
  }
}

class Decompressor implements FrameDecompressor {
  private readonly calls: Contexts<undefined>;
  /** A frame's state is in its stream, so they are worked on one at a time. */
  private readonly inPieces: Contexts<undefined>;
  private readonly params: NodeZstdOptions['params'];
  private steps: ZlibSteps | undefined;
  private plain: PlainDecoder | undefined;
  /** Whether the frame that comes in pieces has a dictionary. */
  private isPlain = false;

  constructor(
    private readonly zlib: NodeZlib,
    private readonly takesDictionary: boolean,
    { threads, maxWindowLog, signal }: EngineOptions & { readonly maxWindowLog: number },
  ) {
    this.calls = freeCalls(threads, signal);
    this.inPieces = freeCalls(1, signal);
    this.params = { [D_WINDOW_LOG_MAX]: maxWindowLog };
  }

  async decompress(piece: FramePiece): Promise<EngineResult> {
    const inPieces = !(piece.first && piece.last);
    if (!this.takesDictionary) {
      if (inPieces && piece.first) this.isPlain = piece.dictionary !== undefined;
      if (inPieces && this.isPlain) return this.byPlain(piece);
      if (piece.dictionary !== undefined) {
        const decode = (frame: Buffer) => this.calls.run([frame], () => this.frame(frame).catch(fail));
        return (await decodeInlined(piece, decode)) ?? this.byPlain(piece);
      }
    }
    const [calls, decompress] = inPieces ? [this.inPieces, this.part] : [this.calls, this.whole];
    const output = await calls.run([piece.buffer], () => decompress(piece).catch(fail));
    if (output.length > piece.output.length)
      throw new LibraryError('there is more data than the header says');
    return { output, length: output.length };
  }

  close(): void {
    this.calls.close();
    this.inPieces.close();
    this.steps?.close();
  }

  private byPlain(piece: FramePiece): EngineResult {
    this.plain ??= new PlainDecoder(() => {
      throw new LibraryError('a frame with a dictionary has a checksum');
    });
    return { output: piece.output, length: this.plain.decode(piece) };
  }

  private readonly whole = ({ buffer, length, output, dictionary }: FramePiece): Promise<Uint8Array> =>
    promisify(this.zlib.zstdDecompress)(buffer.subarray(0, length), this.optionsFor(output, dictionary));

  /** One that tells its content size. */
  private frame(frame: Buffer): Promise<Uint8Array> {
    return promisify(this.zlib.zstdDecompress)(frame, { params: this.params, chunkSize: STREAM_CHUNK });
  }

  private readonly part = async ({
    buffer,
    length,
    output,
    first,
    last,
    dictionary,
  }: FramePiece): Promise<Uint8Array> => {
    if (first) {
      this.steps?.close();
      this.steps = new ZlibSteps(this.zlib.createZstdDecompress(this.optionsFor(output, dictionary)));
    }
    const steps = this.steps!;
    const bytes = buffer.subarray(0, length);
    if (last) return steps.end(bytes);
    const content = await steps.write(bytes);
    if (steps.atEnd) throw new LibraryError('the frame does not end');
    return content;
  };

  /** With a byte to spare, as a full one makes node:zlib call again for the rest. */
  private optionsFor(output: Uint8Array, dictionary: Uint8Array | undefined): NodeZstdOptions {
    const chunkSize = Math.max(output.length + 1, MIN_CHUNK);
    return { params: this.params, chunkSize, ...(dictionary && { dictionary }) };
  }
}

class OneFrameCompressor implements StreamCompressor {
  private readonly calls: Contexts<undefined>;
  private readonly steps: ZlibSteps;

  constructor(zlib: NodeZlib, { level, windowLog }: StreamSettings, signal: AbortSignal | undefined) {
    const long = windowLog === undefined ? {} : { [C_WINDOW_LOG]: windowLog, [C_LONG_DISTANCE_MATCHING]: 1 };
    const params = { [C_LEVEL]: level, [C_CHECKSUM]: 1, ...long };
    this.calls = freeCalls(1, signal);
    this.steps = new ZlibSteps(zlib.createZstdCompress({ params, chunkSize: STREAM_CHUNK }));
  }

  async write({ buffer, length }: FilledBuffer, start: number, end: boolean): Promise<StreamResult> {
    const bytes = buffer.subarray(start, length);
    const { steps } = this;
    const output = await this.calls.run([buffer], () => (end ? steps.end(bytes) : steps.write(bytes)));
    return { output, length: output.length, used: length, done: end };
  }

  close(): void {
    this.calls.close();
    this.steps.close();
  }
}

/** Calls that need no context of ours. */
function freeCalls(threads: number, signal: AbortSignal | undefined): Contexts<undefined> {
  return new Contexts(
    threads,
    signal,
    () => undefined,
    () => {},
  );
}

function fail(error: Error): never {
  throw error instanceof LibraryError ? error : new LibraryError(error.message);
}

/** What there is of zstd in node:zlib, where there is; the types, of Node 20, lack it. */
interface NodeZlib {
  readonly constants: Readonly<Record<string, number>>;
  zstdCompress(content: Uint8Array, options: NodeZstdOptions, done: Done): void;
  zstdCompressSync(content: Uint8Array, options: NodeZstdOptions): Uint8Array;
  zstdDecompress(frame: Uint8Array, options: NodeZstdOptions, done: Done): void;
  createZstdCompress(options: NodeZstdOptions): Transform;
  createZstdDecompress(options: NodeZstdOptions): Transform;
}

type Done = (error: Error | null, result: Uint8Array) => void;

interface NodeZstdOptions {
  /** By the numbers of zstd.h. */
  readonly params: Readonly<Record<number, number>>;
  /** So much comes of one call into the thread pool. */
  readonly chunkSize: number;
  /**
   * The size of the content, which a frame tells then. Some versions do not take it from a content that is
   * whole.
   */
  readonly pledgedSrcSize?: number;
  /** Of 22 known from 22.19 on, of 24 from 24.6 on; others pass over it. */
  readonly dictionary?: Uint8Array;
}

/** @throws Error where this Node has no zstd */
function loadNodeZlib(): NodeZlib {
  const zlib = process.getBuiltinModule('node:zlib') as Partial<NodeZlib> | undefined;
  if (zlib?.createZstdCompress === undefined) throw new Error(`Node.js ${process.version} has no zstd`);
  return zlib as NodeZlib;
}

/** Whether a dictionary makes a difference. */
function knowsDictionaries(zlib: NodeZlib): boolean {
  const dictionary = Uint8Array.from({ length: 256 }, (_, index) => index);
  const options = { params: {}, chunkSize: STREAM_CHUNK, dictionary };
  return zlib.zstdCompressSync(dictionary, options).length < dictionary.length;
}

/** A zlib stream that is fed one chunk after the other, and gives what came of each. */
class ZlibSteps {
  private parts: Uint8Array[] = [];
  private settle: ((error?: Error) => void) | undefined;
  private ended = false;

  constructor(private readonly stream: Transform) {
    stream.on('data', (part: Uint8Array) => this.parts.push(part));
    stream.on('error', (error) => this.settle?.(error));
    stream.on('close', () => this.settle?.(new Error('the stream was closed')));
    stream.on('end', () => {
      this.ended = true;
      this.settle?.();
    });
  }

  /** Whether it came to its end, which decompression does behind the frame. */
  get atEnd(): boolean {
    return this.ended;
  }

  /** @throws Error what zlib says; it is of no use then */
  write(chunk: Uint8Array): Promise<Uint8Array> {
    return this.step(() =>
      this.stream.write(chunk, (error) => {
        while (this.stream.read() !== null); // 'data' has it
        this.settle?.(error ?? undefined);
      }),
    );
  }

  /**
   * Takes the last chunk, and gives all that is left.
   * @throws Error what zlib says, as that the end is missing
   */
  end(chunk: Uint8Array): Promise<Uint8Array> {
    return this.step(() => this.stream.end(chunk, (error?: Error) => error && this.settle?.(error)));
  }

  close(): void {
    this.stream.destroy();
  }

  private async step(begin: () => void): Promise<Uint8Array> {
    await new Promise<void>((resolve, reject) => {
      this.settle = (error) => (error === undefined ? resolve() : reject(error));
      begin();
    });
    const parts = this.parts.splice(0);
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
  }
}
