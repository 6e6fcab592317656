import { ArchiveError } from '@vzdump-format/streams';
import type { FilledBuffer } from '../buffers.js';
import type { SharedMemory } from '../shared-memory.js';
import { NODE_WITH_ZSTD } from './node-zlib.js';

export interface EngineResult {
  /** Where the result is: the memory that was given for it, or other memory. */
  readonly output: Uint8Array;
  /** Of what was written to `output`. */
  readonly length: number;
}

/** Compresses whole frames: with content size and checksum in them. */
export interface FrameCompressor {
  /** @param output room for the result. */
  compress(content: FilledBuffer, output: SharedMemory): Promise<EngineResult>;
  close(): void;
}

/** A frame, or blocks of one: whatever they are, `output` has room for what they decompress to. */
export interface FramePiece extends FilledBuffer {
  readonly output: SharedMemory;
  /** Whether the frame begins with it; if not, it continues the piece given before. */
  readonly first: boolean;
  readonly last: boolean;
}

export interface FrameDecompressor {
  /** Pieces of one frame are given in order, and no other frame in between that is in pieces, too. */
  decompress(piece: FramePiece): Promise<EngineResult>;
  close(): void;
}

export interface StreamResult extends EngineResult {
  /** How far into the input it came. */
  readonly used: number;
  /** Whether the frame is finished. */
  readonly done: boolean;
}

/** Makes one frame of any length. */
export interface StreamCompressor {
  /** Takes the input from `start` on; ends the frame when `end` is set and there is room. */
  write(input: FilledBuffer, start: number, end: boolean, output: SharedMemory): Promise<StreamResult>;
  close(): void;
}

export interface EngineOptions {
  readonly threads: number;
  readonly signal: AbortSignal | undefined;
}

export interface StreamSettings {
  readonly level: number;
  readonly threads: number;
  readonly windowLog: number | undefined;
}

/** A library that knows zstd. Framing, limits and errors are not its business. */
export interface ZstdEngine {
  readonly name: ZstdEngineName;
  /** Of the library. */
  readonly version: string;
  frameCompressor(options: EngineOptions & { readonly level: number }): FrameCompressor;
  frameDecompressor(options: EngineOptions & { readonly maxWindowLog: number }): FrameDecompressor;
  /** @throws `ZSTD_ENGINE` when it knows whole frames only. */
  streamCompressor(settings: StreamSettings, signal: AbortSignal | undefined): StreamCompressor;
}

export type ZstdEngineName = 'libzstd' | 'node' | '@mongodb-js/zstd';

const LOADERS: Readonly<Record<ZstdEngineName, () => Promise<ZstdEngine>>> = {
  libzstd: async () => (await import('./engine-libzstd.js')).loadLibzstdEngine(),
  node: async () => (await import('./engine-node.js')).loadNodeEngine(),
  '@mongodb-js/zstd': async () => (await import('./engine-mongodb.js')).loadMongodbEngine(),
};

/** In the order in which they are tried. */
export const ZSTD_ENGINES = Object.keys(LOADERS) as readonly ZstdEngineName[];

/** Checks an engine's name; undefined stands for the first that is installed. @throws `CODEC_ENGINE` */
export function checkedEngineName(name: string | undefined): ZstdEngineName | undefined {
  const known = ZSTD_ENGINES.find((engine) => engine === name);
  if (known !== undefined || name === undefined) return known;
  throw new ArchiveError('CODEC_ENGINE', `zstd has no engine '${name}'`, {
    hint: `there are ${ZSTD_ENGINES.join(' and ')}`,
  });
}

/**
 * Loads an engine. Which there are depends on the system, on Node and on optional dependencies.
 * @throws `ZSTD_ENGINE` when it, or all of them, are missing.
 */
export async function loadEngine(name?: ZstdEngineName): Promise<ZstdEngine> {
  const failures: Error[] = [];
  for (const candidate of name === undefined ? ZSTD_ENGINES : [name]) {
    try {
      return await LOADERS[candidate]();
    } catch (error) {
      failures.push(error as Error);
    }
  }
  throw new ArchiveError('ZSTD_ENGINE', `there is no library for zstd (${name ?? ZSTD_ENGINES.join(', ')})`, {
    hint: `Node.js ${NODE_WITH_ZSTD} or newer has one; else npm install koffi, which calls the libzstd of the system, or @mongodb-js/zstd`,
    cause: new AggregateError(failures, failures.map(({ message }) => message).join('; ')),
  });
}
