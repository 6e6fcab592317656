import { closeSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { OpenFileRange } from '@vzdump-format/posix';
import { useTemporaryDirectory } from '@vzdump-format/testing';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Extent, FileEntry } from '../entry/entry.js';
import { file } from '../testing/entries.js';
import { ContentWriter } from './restore-file.js';

const directory = useTemporaryDirectory();
let path: string;
let fd: number;

beforeEach(() => {
  path = join(directory(), 'file');
  fd = openSync(path, 'wx+');
});

afterEach(() => closeSync(fd));

/** Bytes on disk. */
function allocated(): number {
  return statSync(path).blocks * 512;
}

function write(entry: FileEntry, chunks: readonly Uint8Array[], zerosToHoles = false): Buffer {
  const writer = new ContentWriter(fd, entry, zerosToHoles);
  for (const chunk of chunks) writer.write(chunk);
  writer.finish();
  return readFileSync(path);
}

function cut(bytes: Uint8Array, size: number): Uint8Array[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
    bytes.subarray(index * size, (index + 1) * size),
  );
}

test('bytes go where their extents are, however they are cut', () => {
  const data = Buffer.from('0123456789abcdef');
  const extents = [
    { offset: 5, length: 4 },
    { offset: 9, length: 0 },
    { offset: 9, length: 1 },
    { offset: 100_000, length: 11 },
    { offset: 100_011, length: 0 },
  ];
  const expected = Buffer.alloc(200_000);
  data.copy(expected, 5, 0, 5);
  data.copy(expected, 100_000, 5);
  for (const size of [1, 3, 4, 5, 16]) {
    const entry = file('f', '', { size: 200_000, extents });
    expect(write(entry, cut(data, size)).equals(expected), `${size} at a time`).toBe(true);
  }
  expect(allocated()).toBeLessThan(20_000);
});

test('a file of nothing but a hole', () => {
  expect(write(file('f', '', { size: 1 << 20, extents: [] }), []).equals(Buffer.alloc(1 << 20))).toBe(true);
  expect(allocated()).toBe(0);
});

describe('zeros to holes', () => {
  const BLOCK = 4096;
  const data = Buffer.alloc(64 * BLOCK);
  data[0] = 1;
  data[10 * BLOCK + 5] = 1;
  data[12 * BLOCK - 1] = 1;

  test.each([1 << 20, 65_536, 4096, 5000, 1000])('in chunks of %d', (size) => {
    expect(write(file('f', data), cut(data, size), true).equals(data)).toBe(true);
    // a block that comes in two chunks is not seen to be one
    if (size % BLOCK === 0) expect(allocated()).toBe(3 * BLOCK);
  });

  test('without it, zeros are data', () => {
    write(file('f', data), [data]);
    expect(allocated()).toBe(data.length);
  });

  test('also within extents that begin in the middle of a block', () => {
    const extents = [{ offset: 1000, length: data.length }];
    const content = write(file('f', '', { size: 1000 + data.length, extents }), [data], true);
    expect(content.equals(Buffer.concat([Buffer.alloc(1000), data]))).toBe(true);
    expect(allocated()).toBeLessThanOrEqual(5 * BLOCK);
  });

  test('whatever is written, is read', () => {
    const blocks = fc.array(fc.constantFrom(0, 0, 1), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(blocks, fc.nat(5000), fc.integer({ min: 1, max: 20_000 }), (pattern, tail, size) => {
        const bytes = Buffer.concat([
          ...pattern.map((byte) => Buffer.alloc(BLOCK, byte)),
          Buffer.alloc(tail % 777),
        ]);
        closeSync(fd);
        fd = openSync(path, 'w+');
        expect(write(file('f', bytes), cut(bytes, size), true).equals(bytes)).toBe(true);
      }),
      { numRuns: 100 },
    );
  });
});

describe('refused', () => {
  test.each<[string, Partial<FileEntry>]>([
    ['TREE_SIZE', { size: -1 }],
    ['TREE_SIZE', { size: 2 ** 53 }],
    ['TREE_SIZE', { size: 1.5 }],
    ['TREE_SIZE', { size: Number.NaN }],
    ['TREE_EXTENTS', withExtents([0, 101])],
    ['TREE_EXTENTS', withExtents([101, 0])],
    ['TREE_EXTENTS', withExtents([-1, 10])],
    ['TREE_EXTENTS', withExtents([0, -1])],
    ['TREE_EXTENTS', withExtents([0, 10], [9, 10])],
    ['TREE_EXTENTS', withExtents([50, 10], [0, 10])],
    ['TREE_EXTENTS', withExtents([2 ** 53, 0])],
    ['TREE_EXTENTS', withExtents([0.5, 1])],
  ])('%s for %j', (code, details) => {
    expect(() => write(file('f', '', details), [])).toThrow(expect.objectContaining({ code, entry: 'f' }));
    expect(statSync(path).size).toBe(0);
  });

  test.each([
    [['abcd'], 'f comes with more than its 3 bytes'],
    [['abc', 'd'], 'f comes with more than its 3 bytes'],
    [['ab'], 'f comes with less than its 3 bytes'],
    [[], 'f comes with less than its 3 bytes'],
  ])('content that is not as long as it says: %j', (chunks, message) => {
    const bytes = chunks.map((chunk) => Buffer.from(chunk));
    const entry = file('f', '', { size: 3 });
    expect(() => write(entry, bytes)).toThrow(expect.objectContaining({ code: 'TREE_CONTENT', message }));
  });
});

function withExtents(...extents: [offset: number, length: number][]): Partial<FileEntry> {
  return { size: 100, extents: extents.map(([offset, length]): Extent => ({ offset, length })) };
}

describe('a range of a file', () => {
  const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, at) => (at ^ (at >> 8) ^ (at >> 16)) | 1));
  const extents = [
    { offset: 10, length: 100_000 },
    { offset: 200_000, length: 1 },
    { offset: 300_000, length: 150_000 },
  ];
  const total = 250_001;
  const entry = file('f', '', { size: 500_000, extents });
  let source: number;

  beforeEach(() => {
    writeFileSync(join(directory(), 'source'), bytes);
    source = openSync(join(directory(), 'source'), 'r');
  });

  afterEach(() => closeSync(source));

  test('is copied to the extents that it belongs in', () => {
    const writer = new ContentWriter(fd, entry, false);
    writer.write(bytes.subarray(0, 70_000));
    const range = new OpenFileRange(source, 70_000, total - 70_000);
    writer.copy(range);
    writer.write(bytes.subarray(70_000 + range.copied, total)); // if it took too long
    writer.finish();
    expect(range.copied).toBeGreaterThan(0);
    const expected = Buffer.alloc(500_000);
    let at = 0;
    for (const { offset, length } of extents) {
      bytes.copy(expected, offset, at, at + length);
      at += length;
    }
    expect(readFileSync(path).equals(expected)).toBe(true);
  });

  test('is not copied where zeros are looked for, nor if it is too long', () => {
    const copiedOf = (writer: ContentWriter, length: number) => {
      const range = new OpenFileRange(source, 0, length);
      writer.copy(range);
      return range.copied;
    };
    expect(copiedOf(new ContentWriter(fd, entry, true), total)).toBe(0);
    expect(copiedOf(new ContentWriter(fd, entry, false), total + 1)).toBe(0);
    expect(statSync(path).size).toBe(0);
  });
});
