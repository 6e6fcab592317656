import { createHash } from 'node:crypto';
import { CHUNK_SIZES, chunked, collect, noise, PRODUCERS } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import { hashing, Meter, metered, observed } from './pass-through.js';

test('tells mean rate and remaining time by the clock it was given', () => {
  let now = 5000;
  const meter = new Meter(1000, () => now);
  expect(meter.progress).toEqual({
    bytes: 0,
    total: 1000,
    elapsedSeconds: 0,
    bytesPerSecond: 0,
    remainingSeconds: undefined,
  });
  meter.add(100);
  meter.add(150);
  now += 500;
  expect(meter.progress).toEqual({
    bytes: 250,
    total: 1000,
    elapsedSeconds: 0.5,
    bytesPerSecond: 500,
    remainingSeconds: 1.5,
  });
});

test('nothing remains when more came than was expected', () => {
  let now = 0;
  const meter = new Meter(10, () => now);
  meter.add(20);
  now = 1000;
  expect(meter.progress.remainingSeconds).toBe(0);
});

test('without a total, the remaining time is unknown', () => {
  let now = 0;
  const meter = new Meter(undefined, () => now);
  meter.add(20);
  now = 1000;
  expect(meter.progress).toMatchObject({ total: undefined, bytesPerSecond: 20, remainingSeconds: undefined });
});

test('metered counts what passes, and passes it unchanged', async () => {
  const meter = new Meter();
  const bytes = noise(1000);
  expect((await collect(metered(meter)(chunked(bytes, 7)))).equals(bytes)).toBe(true);
  expect(meter.progress.bytes).toBe(1000);
});

/** Yields chunks out of one buffer, which it overwrites as soon as the next is asked for. */
async function* reused(count: number): AsyncGenerator<Uint8Array> {
  const buffer = Buffer.alloc(4);
  for (let value = 1; value <= count; value++) {
    buffer.fill(value);
    yield buffer;
    buffer.fill(0xff);
  }
}

async function firstBytes(chunks: AsyncIterable<Uint8Array>): Promise<number[]> {
  const values: number[] = [];
  for await (const chunk of chunks) values.push(chunk[0]!);
  return values;
}

test('both sides see every chunk while it is valid', async () => {
  let seen: number[] = [];
  const stage = observed(async (chunks) => {
    seen = await firstBytes(chunks);
  });
  expect(await firstBytes(stage(reused(5)))).toEqual([1, 2, 3, 4, 5]);
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
    await firstBytes(chunks);
    throw new Error('incomplete');
  });
  await expect(firstBytes(stage(reused(2)))).rejects.toThrow('incomplete');
});

test('an observer that has seen enough does not hold the stream up', async () => {
  const stage = observed(async (chunks) => {
    for await (const _ of chunks) return;
  });
  expect(await firstBytes(stage(reused(4)))).toEqual([1, 2, 3, 4]);
});

test('a stream that is left early ends the observation', async () => {
  let ended = false;
  const stage = observed(async (chunks) => {
    await firstBytes(chunks);
    ended = true;
  });
  for await (const _ of stage(reused(4))) break;
  await new Promise((resolve) => setImmediate(resolve));
  expect(ended).toBe(true);
});

const BYTES = noise(100_000);

describe.each(PRODUCERS)('from %s', (_, producer) => {
  test.each(CHUNK_SIZES)('the digest is that of all bytes in chunks of %s', async (size) => {
    const stage = hashing('sha256');
    expect((await collect(stage(producer(BYTES, size)))).equals(BYTES)).toBe(true);
    expect(stage.digest()).toBe(createHash('sha256').update(BYTES).digest('hex'));
  });
});

test('the digest of nothing', async () => {
  const stage = hashing('md5');
  await collect(stage(PRODUCERS[0]![1](new Uint8Array(0), 1)));
  expect(stage.digest()).toBe('d41d8cd98f00b204e9800998ecf8427e');
});

test('there is no digest before all bytes have passed', async () => {
  const stage = hashing('sha256');
  expect(() => stage.digest()).toThrow('only when all bytes have passed');
  for await (const _ of stage(PRODUCERS[0]![1](BYTES, 512))) break;
  expect(() => stage.digest()).toThrow('only when all bytes have passed');
});
