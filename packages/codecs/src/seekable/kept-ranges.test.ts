import { BufferSource } from '@vzdump-format/streams';
import { collect, noise, overwriting, seededRandom } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import type { KeptRange } from '../codec.js';
import { zstd } from '../zstd/zstd.js';
import { KeptRanges, KeptWriter } from './kept-ranges.js';

const SIZE = 5_000_000;
const content = noise(SIZE);

/** Keeps 100 bytes of every 2000, as they pass. */
function everyNow(): (chunk: Uint8Array) => KeptRange[] {
  let passed = 0;
  const all = Buffer.from(content);
  return (chunk) => {
    const end = passed + chunk.length;
    const ranges: KeptRange[] = [];
    for (let offset = Math.ceil(passed / 2000) * 2000; offset < end; offset += 2000) {
      ranges.push({ offset, bytes: all.subarray(offset, offset + 100) });
    }
    passed = end;
    return ranges;
  };
}

describe.each([{ seekable: false }, { seekable: true }])('of zstd, %o, an index', (options) => {
  test('has what it was told to keep, without a byte of the file', async () => {
    const file = Buffer.from(await collect(zstd.compress(options)(overwriting(content, 65_536))));
    const index = await collect(zstd.buildIndex(new BufferSource(file), { keep: everyNow() }));
    let reads = 0;
    const source = new BufferSource(file);
    const counted = Object.assign(Object.create(source) as BufferSource, {
      read: (buffer: Uint8Array, offset: number) => {
        reads++;
        return source.read(buffer, offset);
      },
    });
    const opened = await zstd.openSeekable(counted, { index: new BufferSource(index) });
    reads = 0;
    const random = seededRandom(4);
    for (let round = 0; round < 300; round++) {
      const offset = random(SIZE / 2000) * 2000;
      const buffer = Buffer.alloc(1 + random(100));
      expect(await opened.readUnproven!(buffer, offset)).toBe(buffer.length);
      expect(buffer.equals(content.subarray(offset, offset + buffer.length))).toBe(true);
    }
    expect(reads).toBe(0);
    for (const [offset, length] of [
      [2001, 100],
      [4000, 101],
      [SIZE - 20, 10],
    ] as const) {
      const buffer = Buffer.alloc(length);
      await opened.readUnproven!(buffer, offset);
      expect(buffer.equals(content.subarray(offset, offset + length))).toBe(true);
    }
    expect(reads).toBeGreaterThan(0);
    await opened.close();
  });
});

test('groups that are damaged, or out of order, are refused', async () => {
  const writer = new KeptWriter();
  writer.add([{ offset: 7, bytes: content.subarray(0, 1000) }]);
  const { start, bytes } = writer.takeLast()[0]!;
  const group = { start, place: 0, length: bytes.length, crc: 0 };
  const rangesOf = (damage: (group: Buffer) => void) => {
    const copy = Buffer.from(bytes);
    damage(copy);
    return new KeptRanges([group], async () => copy);
  };
  expect(await rangesOf(() => {}).at(7, 10)).toEqual(content.subarray(0, 10));
  expect(await rangesOf(() => {}).at(8, 10)).toEqual(content.subarray(1, 11));
  expect(await rangesOf(() => {}).at(1000, 10)).toEqual(content.subarray(993, 1000));
  expect(await rangesOf(() => {}).at(1007, 10)).toBeUndefined();
  expect(await rangesOf(() => {}).at(0, 10)).toBeUndefined();
  const damaged = { code: 'INDEX_DAMAGED' };
  await expect(rangesOf((copy) => copy.fill(0xff)).at(7, 10)).rejects.toMatchObject(damaged);
  expect(() => new KeptRanges([group, group], async () => bytes)).toThrow(expect.objectContaining(damaged));
  expect(() => writer.add([{ offset: 0, bytes: Buffer.alloc(70_000) }])).toThrow(RangeError);
});
