import type { Transform } from 'node:stream';

/** The first Node with zstd in node:zlib; of 23, 23.8 is. */
export const NODE_WITH_ZSTD = '22.15';

/** What there is of zstd in node:zlib, where there is; the types, of Node 20, lack it. */
export interface NodeZlib {
  readonly constants: Readonly<Record<string, number>>;
  zstdCompress(content: Uint8Array, options: NodeZstdOptions, done: Done): void;
  zstdDecompress(frame: Uint8Array, options: NodeZstdOptions, done: Done): void;
  createZstdCompress(options: NodeZstdOptions): Transform;
  createZstdDecompress(options: NodeZstdOptions): Transform;
}

type Done = (error: Error | null, result: Uint8Array) => void;

export interface NodeZstdOptions {
  /** By the numbers of zstd.h. */
  readonly params: Readonly<Record<number, number>>;
  /** So much comes of one call into the thread pool. */
  readonly chunkSize: number;
  /**
   * The size of the content, which a frame tells then. Some versions do not take it from a content that is
   * whole.
   */
  readonly pledgedSrcSize?: number;
}

/** @throws Error where this Node has no zstd */
export function loadNodeZlib(): NodeZlib {
  const zlib = process.getBuiltinModule('node:zlib') as Partial<NodeZlib> | undefined;
  if (zlib?.createZstdCompress === undefined) throw new Error(`Node.js ${process.version} has no zstd`);
  return zlib as NodeZlib;
}

/** A zlib stream that is fed one chunk after the other, and gives what came of each. */
export class ZlibSteps {
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
