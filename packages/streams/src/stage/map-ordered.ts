/**
 * Applies `work` to each item with at most `concurrency` under way, and yields the results in the items'
 * order. An item counts as under way until its result has been taken, so memory is bounded by `concurrency`.
 * The first failure ends it, after what is under way has settled.
 */
export async function* mapOrdered<Item, Result>(
  items: AsyncIterable<Item> | Iterable<Item>,
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
