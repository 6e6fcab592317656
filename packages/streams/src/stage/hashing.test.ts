import { createHash } from 'node:crypto';
import { CHUNK_SIZES, collect, noise, PRODUCERS } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import { hashing } from './pass-through.js';

const BYTES = noise(100_000);

describe.each(PRODUCERS)('from %s', (_, producer) => {
  test.each(CHUNK_SIZES)('the digest is that of all bytes in chunks of %s', async (size) => {
    const stage = hashing('sha256');
    expect((await collect(stage(producer(BYTES, size)))).equals(BYTES)).toBe(true);
    expect(stage.digest()).toBe(createHash('sha256').update(BYTES).digest('hex'));
  });
});

test('of nothing', async () => {
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
