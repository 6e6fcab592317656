import { expect, test } from 'vitest';
import { mapOrdered } from './map-ordered.js';

test('keeps the order, whichever task ends first, and never runs more than asked', async () => {
  let running = 0;
  let most = 0;
  const results: number[] = [];
  const releases: (() => void)[] = [];
  const work = async (item: number) => {
    most = Math.max(most, ++running);
    await new Promise<void>((resolve) => {
      releases.push(resolve);
      if (releases.length === 3 || item >= 9) for (const release of releases.splice(0).reverse()) release();
    });
    running--;
    return item * 2;
  };
  for await (const result of mapOrdered(Array(12).keys(), 3, work)) results.push(result);
  expect(results).toEqual([0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22]);
  expect(most).toBe(3);
});

test('ends with the first failure in order, after what is under way has settled', async () => {
  const settled: number[] = [];
  const work = async (item: number) => {
    await new Promise((resolve) => setImmediate(resolve));
    settled.push(item);
    if (item === 1) throw new Error('item 1');
    return item;
  };
  const results: number[] = [];
  await expect(async () => {
    for await (const result of mapOrdered([0, 1, 2, 3, 4, 5], 2, work)) results.push(result);
  }).rejects.toThrow('item 1');
  expect(results).toEqual([0]);
  expect(settled).toEqual([0, 1, 2]);
});
