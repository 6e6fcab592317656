import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { mapOrdered, prefetchOne } from './ahead.js';

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
    await setImmediate();
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

/** Chunks of one byte, every other of which overwrites the one before. */
function source(count: number, log: string[] = []) {
  const state = { closed: false };
  async function* chunks() {
    const buffers = [new Uint8Array(1), new Uint8Array(1)] as const;
    try {
      for (let index = 0; index < count; index++) {
        log.push(`make ${index}`);
        const buffer = buffers[index % 2 === 0 ? 0 : 1];
        buffer[0] = index;
        yield buffer;
      }
    } finally {
      state.closed = true;
    }
  }
  return { state, chunks: chunks() };
}

test('all chunks, in order, each as it was made', async () => {
  const seen: number[] = [];
  for await (const chunk of prefetchOne()(source(100).chunks)) {
    await setImmediate();
    seen.push(chunk[0]!);
  }
  expect(seen).toEqual(Array.from({ length: 100 }, (_, index) => index));
});

test('the next chunk is made while the consumer waits, and no more than that', async () => {
  const log: string[] = [];
  for await (const chunk of prefetchOne()(source(3, log).chunks)) {
    log.push(`begin ${chunk[0]}`);
    for (let turns = 0; turns < 5; turns++) await setImmediate();
    log.push(`end ${chunk[0]}`);
  }
  expect(log).toEqual([
    ...['make 0', 'begin 0', 'make 1', 'end 0'],
    ...['begin 1', 'make 2', 'end 1'],
    ...['begin 2', 'end 2'],
  ]);
});

test('chunks may grow', async () => {
  async function* growing() {
    for (let size = 1; size < 300_000; size *= 3) yield new Uint8Array(size).fill(size % 251);
  }
  const sizes: number[] = [];
  for await (const chunk of prefetchOne()(growing())) {
    expect(chunk.every((byte) => byte === chunk.length % 251)).toBe(true);
    sizes.push(chunk.length);
  }
  expect(sizes).toEqual([1, 3, 9, 27, 81, 243, 729, 2187, 6561, 19683, 59049, 177147]);
});

test('a failure comes in its turn, and the source is closed', async () => {
  async function* failing() {
    yield Uint8Array.of(1);
    throw new Error('as told');
  }
  const seen: number[] = [];
  const run = async () => {
    for await (const chunk of prefetchOne()(failing())) seen.push(chunk[0]!);
  };
  await expect(run()).rejects.toThrow('as told');
  expect(seen).toEqual([1]);
  const { state, chunks } = source(10);
  for await (const chunk of prefetchOne()(chunks)) if (chunk[0] === 2) break;
  expect(state.closed).toBe(true);
});
