import { expect, test } from 'vitest';
import { chunked, collect, lending, overwriting } from './chunks.js';

const BYTES = Buffer.from('abcdefghij');

test('what is lent is as it was made until the next is asked for, and no longer', async () => {
  expect((await collect(lending(overwriting(BYTES, 3)))).equals(BYTES)).toBe(true);
  const kept: Uint8Array[] = [];
  for await (const chunk of lending(chunked(BYTES, 5))) kept.push(chunk);
  expect(kept.map((chunk) => [...chunk])).toEqual([Array(5).fill(0xee), Array(5).fill(0xee)]);
});

test('records lend the bytes in them, and contents that are iterated over', async () => {
  async function* records() {
    yield { name: 'a', data: Uint8Array.of(1, 2), content: chunked(BYTES, 5) };
  }
  const kept: Uint8Array[] = [];
  for await (const { name, data, content } of lending(records())) {
    expect([name, ...data]).toEqual(['a', 1, 2]);
    kept.push(data);
    for await (const chunk of content) kept.push(chunk);
  }
  expect(kept.every((bytes) => bytes.every((byte) => byte === 0xee))).toBe(true);
});

test('a chunk that its maker overwrites too early is found', async () => {
  async function* hasty() {
    const buffer = Buffer.alloc(4, 1);
    setImmediate(() => buffer.fill(2)); // as a thread that works ahead
    yield buffer;
  }
  await expect(collect(lending(hasty()))).rejects.toThrow('have changed before their time');
});
