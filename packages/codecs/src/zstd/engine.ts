import type { FilledBuffer } from '../buffers.js';
import type { SharedMemory } from '../shared-memory.js';

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
  /** Of the first piece: what the frame refers back to (RFC 8878, 5). */
  readonly dictionary?: Uint8Array | undefined;
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

/** The first Node with zstd in node:zlib; of 23, 23.8 is. */
export const NODE_WITH_ZSTD = '22.15';
