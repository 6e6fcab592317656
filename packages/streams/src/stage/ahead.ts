import { setImmediate } from 'node:timers/promises';
import { isFileRange, pieceStage } from '../source/file-range.js';
import type { Items } from './items.js';
import type { Stage } from './stage.js';

/**
 * Applies `work` to each item with at most `concurrency` under way, and yields the results in the items'
 * order. An item counts as under way until its result has been taken, so memory is bounded by `concurrency`.
 * The first failure ends it, after what is under way has settled.
 */
export async function* mapOrdered<Item, Result>(
  items: Items<Item>,
  concurrency: number,
  work: (item: Item, index: number) => Promise<Result>,
): AsyncGenerator<Awaited<Result>> {
  if (!Number.isInteger(concurrency) || concurrency < 1) {
    throw new RangeError(`not a number of tasks: ${concurrency}`);
  }
  const underWay: Promise<Result>[] = [];
  let index = 0;
  try {
    for await (const item of items) {
      const task = work(item, index++);
      task.catch(() => {}); // awaited in turn below
      underWay.push(task);
      if (underWay.length === concurrency) yield await underWay.shift()!;
    }
    while (underWay.length > 0) yield await underWay.shift()!;
  } finally {
    await Promise.allSettled(underWay);
  }
}

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
