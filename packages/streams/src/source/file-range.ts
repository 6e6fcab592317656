import { runStage } from '../stage/stage.js';

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

/** A stage that hands on chunks as well as ranges. */
export type PieceStage = <P extends Piece>(source: AsyncIterable<P>) => AsyncGenerator<P>;

export function isFileRange(piece: Piece): piece is FileRange {
  return !(piece instanceof Uint8Array);
}

/** For those who need the bytes: lets all offers pass by. */
export function chunksOf(pieces: AsyncIterable<Piece>): AsyncGenerator<Uint8Array> {
  return runStage(pieces, async function* chunks(source) {
    for await (const piece of source) if (!isFileRange(piece)) yield piece;
  });
}
