import { ArchiveError, BufferSource, readChunks } from '@vzdump-format/streams';
import { describe, expect, test } from 'vitest';
import { openSegments, readInOrder, type SegmentDecoder } from './segmented-source.js';

const SIZE = 1000;
const file = Buffer.from(Array.from({ length: 100 * SIZE }, (_, at) => Math.floor(at / SIZE)));
const segments = Array.from({ length: 100 }, (_, index) => {
  return { offset: index * SIZE, size: SIZE, contentSize: SIZE, state: 0 };
});

const mismatch = () => new ArchiveError('WRONG', 'a checksum is wrong');

test('compressed segments are read into the same few pieces of memory, also several at a time', async () => {
  const memory = new Set<ArrayBufferLike>();
  const decode: SegmentDecoder['decode'] = async (compressed) => {
    memory.add(compressed.buffer);
    await new Promise((resolve) => setImmediate(resolve));
    return Uint8Array.from(compressed);
  };
  const content = openSegments(new BufferSource(file), segments, { decode, mismatch }, { cacheBytes: 0 });
  for (let index = 0; index < 100; index += 3) {
    const reads = [index, (index + 50) % 100, (index + 51) % 100].map(async (segment) => {
      const buffer = Buffer.alloc(SIZE);
      await content.read(buffer, segment * SIZE);
      return buffer.every((byte) => byte === segment);
    });
    expect(await Promise.all(reads)).toEqual([true, true, true]);
  }
  expect(memory.size).toBeLessThanOrEqual(3);
});

test('several reads of a segment that cannot be decompressed all fail for that reason', async () => {
  const decode: SegmentDecoder['decode'] = async () => {
    await new Promise((resolve) => setImmediate(resolve));
    throw new ArchiveError('DAMAGED', 'it is damaged');
  };
  const content = openSegments(new BufferSource(file), segments, { decode, mismatch }, {});
  const reads = [0, 200, 400].map((offset) => content.read(Buffer.alloc(100), offset));
  const outcomes = await Promise.allSettled(reads);
  expect(outcomes).toEqual(
    reads.map(() => ({ status: 'rejected', reason: expect.objectContaining({ code: 'DAMAGED' }) })),
  );
});

/** Parts of zeros, and how many of them were decompressed at a time, at most. */
function partsOf(contentSize: number, count: number, threads: number) {
  const parts = Array.from({ length: count }, (_, index) => ({
    offset: index,
    size: 1,
    contentSize,
    state: 0,
  }));
  const underWay = { now: 0, most: 0 };
  const decode: SegmentDecoder['decode'] = async (_compressed, _segment, output) => {
    underWay.most = Math.max(underWay.most, ++underWay.now);
    await new Promise((resolve) => setImmediate(resolve));
    underWay.now--;
    return output;
  };
  const source = new BufferSource(Buffer.alloc(count));
  return { content: openSegments(source, parts, { decode, mismatch, threads }, {}), underWay };
}

describe('read in order, several parts are decompressed at a time', () => {
  test.each([
    [8, 20, 2, 4], // threads, one that is given out, one that is fetched
    [8, 20, 4, 6],
    [60, 5, 4, 3], // some 128 MiB
  ])('parts of %d MiB', async (size, count, threads, most) => {
    const { content, underWay } = partsOf(size << 20, count, threads);
    let length = 0;
    for await (const chunk of readInOrder(content)) length += chunk.length;
    expect(length).toBe(count * (size << 20));
    expect(underWay.most).toBeGreaterThan(1);
    expect(underWay.most).toBeLessThanOrEqual(most);
  });

  test.each([
    [8, 20, 2, 3],
    [60, 5, 4, 2],
    [64, 5, 4, 2],
  ])('also by reads that follow one another: parts of %d MiB', async (size, count, threads, most) => {
    const { content, underWay } = partsOf(size << 20, count, threads);
    let length = 0;
    for await (const chunk of readChunks(content)) length += chunk.length;
    expect(length).toBe(count * (size << 20));
    expect(underWay.most).toBeGreaterThan(1);
    expect(underWay.most).toBeLessThanOrEqual(most);
  });
});
