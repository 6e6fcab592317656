import type { Items } from '../stage/items.js';
import { ClaimedSource, runStage, type Stage } from '../stage/stage.js';

/**
 * Bytes that stand in an open file, offered in place of chunks to whoever writes them to another: the kernel
 * copies them once then, not twice, and they do not come into this process. What has not been copied when the
 * next piece is asked for comes as chunks, so an offer may be let pass by.
 */
export interface FileRange {
  /** Bytes offered. */
  readonly length: number;
  /** How many of them have been copied, from the first on. */
  readonly copied: number;
  /**
   * Copies the next bytes into a file, where the system can, and for as long as the event loop may stand
   * still: in all, however often it is called.
   * @param fd of a regular file; where it stands is changed
   * @param most all that are left unless given
   * @returns how many it copied. When it cannot go on, for whatever reason, that is none, and reading or
   * writing will tell why.
   */
  copyTo(fd: number, position: number, most?: number): number;
}

/** What passes where ranges may come among the chunks. */
export type Piece = Uint8Array | FileRange;

export function isFileRange(piece: Piece): piece is FileRange {
  return !(piece instanceof Uint8Array);
}

/**
 * Chunks as everybody knows them, with a second way to the same bytes: whoever can have ranges copied asks
 * for `piecesOf` them, in place of iterating over them. So only those know of ranges who make them, copy them
 * or count them; to all others these are chunks.
 */
export interface ChunksInPieces extends AsyncIterable<Uint8Array> {
  pieces(): Items<Piece>;
}

/** The pieces behind chunks; the chunks themselves where there is nothing else. */
export function piecesOf(chunks: Items<Uint8Array>): Items<Piece> {
  return 'pieces' in Object(chunks) ? (chunks as ChunksInPieces).pieces() : chunks;
}

/** Makes chunks of pieces: who iterates over them lets all ranges pass by. */
export function chunksOf(pieces: Items<Piece>): AsyncGenerator<Uint8Array> & ChunksInPieces {
  return new ChunksOfPieces(pieces);
}

/** A stage that hands on ranges where its source has any. */
export function pieceStage(
  work: (pieces: AsyncIterable<Piece>) => AsyncGenerator<Piece>,
  signal?: AbortSignal | undefined,
): Stage {
  return (source) => chunksOf(runStage(piecesOf(source), work, signal));
}

class ChunksOfPieces implements AsyncGenerator<Uint8Array>, ChunksInPieces {
  private readonly source: ClaimedSource<Piece>;

  constructor(private readonly all: Items<Piece>) {
    this.source = new ClaimedSource(all);
  }

  pieces(): Items<Piece> {
    return this.all;
  }

  async next(): Promise<IteratorResult<Uint8Array>> {
    for (;;) {
      const result = await this.source.next();
      if (result.done) return result;
      const { value } = result;
      if (!isFileRange(value)) return { done: false, value };
    }
  }

  async return(): Promise<IteratorResult<Uint8Array>> {
    await this.source.return();
    return { done: true, value: undefined };
  }

  async throw(error: unknown): Promise<IteratorResult<Uint8Array>> {
    await this.source.return();
    throw error;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

/** Takes chunks one after the other; each is its giver's again when it resolves. */
export interface ChunkSink {
  (chunk: Uint8Array): void | Promise<void>;
  /** Has as much of a range copied as it likes. Without this, ranges pass by. */
  copy?(range: FileRange): void | Promise<void>;
}

/** Gives a sink what it can take. */
export async function give(sink: ChunkSink, piece: Piece): Promise<void> {
  if (isFileRange(piece)) await sink.copy?.(piece);
  else await sink(piece);
}
