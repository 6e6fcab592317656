import { setImmediate } from 'node:timers/promises';
import { isFileRange, pieceStage } from '../source/file-range.js';
import type { Stage } from './stage.js';

/**
 * Lets what comes before it make the next chunk while whoever comes behind it waits, for a write to end or a
 * thread to answer: for sources that work on the calling thread, as walking a tree does. The source's chunks
 * have to be valid until the next but one is asked for; so nothing is copied.
 */
export function prefetchOne(): Stage {
  return pieceStage(async function* ahead(pieces) {
    const source = pieces[Symbol.asyncIterator]();
    let next = source.next();
    try {
      for (;;) {
        const { done, value } = await next;
        if (done) return;
        if (isFileRange(value)) {
          yield value;
          next = source.next(); // what comes next depends on how much was copied
          continue;
        }
        next = setImmediate().then(() => source.next()); // after the consumer has begun with this one
        next.catch(() => {}); // awaited in turn
        yield value;
      }
    } finally {
      await Promise.allSettled([next]);
      await source.return?.();
    }
  });
}
