import { expect, test } from 'vitest';
import { observed } from './observed.js';

/** Yields chunks out of one buffer, which it overwrites as soon as the next is asked for. */
async function* reused(count: number): AsyncGenerator<Uint8Array> {
  const buffer = Buffer.alloc(4);
  for (let value = 1; value <= count; value++) {
    buffer.fill(value);
    yield buffer;
    buffer.fill(0xff);
  }
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<number[]> {
  const values: number[] = [];
  for await (const chunk of chunks) values.push(chunk[0]!);
  return values;
}

test('both sides see every chunk while it is valid', async () => {
  let seen: number[] = [];
  const stage = observed(async (chunks) => {
    seen = await collect(chunks);
  });
  expect(await collect(stage(reused(5)))).toEqual([1, 2, 3, 4, 5]);
  expect(seen).toEqual([1, 2, 3, 4, 5]);
});

test('a chunk is passed on only when the observer is done with it', async () => {
  const order: string[] = [];
  const stage = observed(async (chunks) => {
    for await (const chunk of chunks) {
      await new Promise((resolve) => setImmediate(resolve));
      order.push(`observed ${chunk[0]}`);
    }
  });
  for await (const chunk of stage(reused(3))) order.push(`passed ${chunk[0]}`);
  expect(order).toEqual(['observed 1', 'passed 1', 'observed 2', 'passed 2', 'observed 3', 'passed 3']);
});

test('an observer that fails ends the stream with its error', async () => {
  const stage = observed(async (chunks) => {
    for await (const chunk of chunks) if (chunk[0] === 3) throw new Error('three');
  });
  const passed: number[] = [];
  await expect(async () => {
    for await (const chunk of stage(reused(5))) passed.push(chunk[0]!);
  }).rejects.toThrow('three');
  expect(passed).toEqual([1, 2]);
});

test('an observer that fails at the end fails the stream', async () => {
  const stage = observed(async (chunks) => {
    await collect(chunks);
    throw new Error('incomplete');
  });
  await expect(collect(stage(reused(2)))).rejects.toThrow('incomplete');
});

test('an observer that has seen enough does not hold the stream up', async () => {
  const stage = observed(async (chunks) => {
    for await (const _ of chunks) return;
  });
  expect(await collect(stage(reused(4)))).toEqual([1, 2, 3, 4]);
});

test('a stream that is left early ends the observation', async () => {
  let ended = false;
  const stage = observed(async (chunks) => {
    await collect(chunks);
    ended = true;
  });
  for await (const _ of stage(reused(4))) break;
  await new Promise((resolve) => setImmediate(resolve));
  expect(ended).toBe(true);
});
