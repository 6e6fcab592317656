import { setImmediate } from 'node:timers/promises';
import { isFileRange, type Piece, type PieceStage } from '../source/file-range.js';
import { runStage } from './stage.js';

/**
 * Lets what comes before it make the next chunk while whoever comes behind it waits, for a write to end or a
 * thread to answer: for sources that work on the calling thread, as walking a tree does. The source's chunks
 * have to be valid until the next but one is asked for; so nothing is copied.
 */
export function prefetchOne(): PieceStage {
  async function* ahead<P extends Piece>(source: AsyncIterable<P>): AsyncGenerator<P> {
    const chunks = source[Symbol.asyncIterator]();
    let next = chunks.next();
    try {
      for (;;) {
        const { done, value } = await next;
        if (done) return;
        if (isFileRange(value)) {
          yield value;
          next = chunks.next(); // what comes next depends on how much was copied
          continue;
        }
        next = setImmediate().then(() => chunks.next()); // after the consumer has begun with this one
        next.catch(() => {}); // awaited in turn
        yield value;
      }
    } finally {
      await Promise.allSettled([next]);
      await chunks.return?.();
    }
  }
  return (source) => runStage(source, ahead);
}
