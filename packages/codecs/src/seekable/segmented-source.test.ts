import { ArchiveError, BufferSource } from '@vzdump-format/streams';
import { expect, test } from 'vitest';
import { openSegments, type SegmentDecoder } from './segmented-source.js';

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
