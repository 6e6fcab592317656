/** What a library does for gzip. The members' framing is not its business. */
export interface DeflateEngine {
  readonly name: DeflateEngineName;
  /** @param previous of the bytes before these. */
  crc32(bytes: Uint8Array, previous?: number): number;
  /** Compresses a stream to raw deflate data, to its end. */
  deflate(source: AsyncIterator<Uint8Array>, level: number): AsyncGenerator<Uint8Array>;
  /**
   * Compresses a block that ends on a byte boundary and is not the last.
   * @param dictionary what the decompressor will have seen just before, up to 32 KiB.
   */
  deflateBlock(content: Uint8Array, dictionary: Uint8Array, level: number): Promise<Uint8Array>;
  /**
   * Decompresses raw deflate data to its end; `onRest` gets what is left of the chunk in which that is.
   * @throws InflateError, with how much of the source had been taken in before.
   */
  inflate(source: AsyncIterator<Uint8Array>, onRest: (rest: Uint8Array) => void): AsyncGenerator<Uint8Array>;
}

/** zlib's `memLevel`: with more memory than it takes unless told otherwise, it is a tenth faster. */
export const DEFLATE_MEMORY = 9;

export class InflateError extends Error {
  constructor(
    readonly kind: 'damaged' | 'truncated',
    message: string,
    /** Compressed bytes before the chunk that is at fault. */
    readonly taken: number,
  ) {
    super(message);
  }
}

export type DeflateEngineName = 'node' | 'js';
