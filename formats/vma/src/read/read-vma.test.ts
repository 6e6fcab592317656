import { BufferSource, type ByteSource } from '@vzdump-format/streams';
import { badVmaBytes, badVmas } from '@vzdump-format/test-vectors';
import { collect, noise } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import { boundaries } from '../testing/built-archive.js';
import { baseArchive, legalArchives } from '../testing/vectors.js';
import { readVma } from './read-vma.js';
import { verifyVma } from './unpack.js';

/** Counts the reads that are under way. */
class SlowSource extends BufferSource {
  underWay = 0;

  override async read(buffer: Uint8Array, offset: number): Promise<number> {
    this.underWay++;
    await new Promise((resolve) => setImmediate(resolve));
    this.underWay--;
    return super.read(buffer, offset);
  }
}

const archives = [
  ...legalArchives(),
  ...badVmas().map((entry) => ({ name: `bad ${entry.name}`, bytes: badVmaBytes(entry) })),
];

test.each(archives)('$name: every byte comes once, in order', async ({ bytes }) => {
  expect((await collect(readVma(new BufferSource(bytes)))).equals(bytes)).toBe(true);
});

test('nor is a byte lost or made up where an archive is cut short', async () => {
  for (const archive of [baseArchive('base'), baseArchive('multi')]) {
    for (const end of boundaries(archive).flatMap((at) => [at - 1, at, at + 1])) {
      const short = archive.subarray(0, Math.max(0, end));
      expect((await collect(readVma(new BufferSource(short)))).equals(short), `cut at ${end}`).toBe(true);
    }
  }
});

test('an extent is one chunk', async () => {
  const archive = baseArchive('multi');
  const extents = boundaries(archive).slice(2);
  const chunks: number[] = [];
  for await (const chunk of readVma(new BufferSource(archive))) chunks.push(chunk.length);
  const [first, second, third, end] = [extents[0]!, extents[2]!, extents[4]!, archive.length];
  expect(chunks).toEqual([first, second - first, third - second, end - third]);
});

test('its buffers go round', async () => {
  const source = new BufferSource(baseArchive('multi'));
  const buffers = new Set<ArrayBufferLike>();
  for await (const chunk of readVma(source)) buffers.add(chunk.buffer);
  expect(buffers.size).toBeLessThanOrEqual(1 + 2);
  expect((await collect(readVma(source))).equals(baseArchive('multi'))).toBe(true);
});

test('a source that shrank ends where it does now', async () => {
  const archive = baseArchive('base');
  for (const left of [100, 12800, 12900, 13312, 50_000]) {
    const shrunk = new BufferSource(archive.subarray(0, left));
    const source: ByteSource = {
      size: archive.length,
      read: (buffer, offset) => shrunk.read(buffer, offset),
      close: async () => {},
    };
    expect((await collect(readVma(source))).length, `${left} left`).toBe(left);
  }
});

describe('ending early leaves no read under way', () => {
  test('when the consumer has enough', async () => {
    const source = new SlowSource(baseArchive('multi'));
    for await (const chunk of readVma(source)) {
      if (chunk.length > 12800) break;
    }
    expect(source.underWay).toBe(0);
  });

  test('when the archive is bad', async () => {
    const source = new SlowSource(noise(10 << 20));
    await expect(verifyVma(readVma(source))).rejects.toMatchObject({ code: 'VMA_MAGIC' });
    expect(source.underWay).toBe(0);
  });

  test('when it is aborted', async () => {
    const source = new SlowSource(baseArchive('multi'));
    const controller = new AbortController();
    const read = async () => {
      for await (const _ of readVma(source, { signal: controller.signal }))
        controller.abort(new Error('stop'));
    };
    await expect(read()).rejects.toThrow('stop');
    expect(source.underWay).toBe(0);
  });

  test('when the source fails', async () => {
    const source = new SlowSource(baseArchive('multi'));
    const failing: ByteSource = {
      size: source.size,
      read: (buffer, offset) =>
        offset > 50_000 ? Promise.reject(new Error('EIO')) : source.read(buffer, offset),
      close: async () => {},
    };
    await expect(collect(readVma(failing))).rejects.toThrow('EIO');
    expect(source.underWay).toBe(0);
  });
});
