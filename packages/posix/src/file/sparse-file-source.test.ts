import { open, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { useTemporaryDirectory } from '@vzdump-format/testing';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { seekData } from './allocation.js';
import { SparseFileSource } from './sparse-file-source.js';

vi.mock('./allocation.js', async (original) => {
  const actual = await original<typeof import('./allocation.js')>();
  return { ...actual, seekData: vi.fn(actual.seekData) };
});

const MIB = 1 << 20;

const temporaryDirectory = useTemporaryDirectory();
let path: string;

beforeEach(() => {
  path = join(temporaryDirectory(), 'image.raw');
});

/** A file with 1 MiB of data at each of these offsets. */
async function makeSparse(size: number, ...offsets: number[]): Promise<void> {
  const file = await open(path, 'w');
  await file.truncate(size);
  for (const offset of offsets) await file.write(Buffer.alloc(MIB, 0xaa), 0, MIB, offset);
  await file.close();
}

async function withSource(use: (source: SparseFileSource) => Promise<void>): Promise<void> {
  const source = await SparseFileSource.open(path);
  try {
    await use(source);
  } finally {
    await source.close();
  }
}

describe.runIf(process.platform === 'linux')('nextData', () => {
  test('finds what follows, across holes', async () => {
    await makeSparse(16 * MIB, 2 * MIB, 6 * MIB, 7 * MIB, 15 * MIB);
    await withSource(async (source) => {
      expect(await source.nextData(0)).toEqual({ start: 2 * MIB, end: 3 * MIB });
      expect(await source.nextData(3 * MIB)).toEqual({ start: 6 * MIB, end: 8 * MIB });
      expect(await source.nextData(8 * MIB)).toEqual({ start: 15 * MIB, end: 16 * MIB });
      expect(await source.nextData(16 * MIB)).toBeUndefined();
      expect(await source.nextData(17 * MIB)).toBeUndefined();
    });
  });

  test('answers right in any order, from inside ranges and holes, whatever was asked before', async () => {
    await makeSparse(16 * MIB, 2 * MIB, 6 * MIB, 12 * MIB);
    const ranges = [2, 6, 12].map((at) => ({ start: at * MIB, end: (at + 1) * MIB }));
    await withSource(async (source) => {
      const asked = [0, 2, 2.5, 3, 2.999, 6.5, 1, 12, 12.25, 6, 13, 5, 2, 15.9, 0, 12.99, 7].map((at) =>
        Math.floor(at * MIB),
      );
      for (const offset of [...asked, ...asked.reverse()]) {
        const range = ranges.find(({ end }) => end > offset);
        const expected = range && { start: Math.max(range.start, offset), end: range.end };
        expect(await source.nextData(offset), `at ${offset}`).toEqual(expected);
      }
    });
  });

  test('within data that was found, the system is not asked again', async () => {
    await makeSparse(16 * MIB, 2 * MIB);
    await withSource(async (source) => {
      await source.nextData(0);
      vi.mocked(seekData).mockClear();
      for (const offset of [2 * MIB, 2.5 * MIB, 3 * MIB - 1]) await source.nextData(offset);
      expect(seekData).not.toHaveBeenCalled();
      await source.nextData(3 * MIB);
      expect(seekData).toHaveBeenCalledOnce();
    });
  });

  test('a file without data has none', async () => {
    await makeSparse(10 * MIB);
    await withSource(async (source) => expect(await source.nextData(0)).toBeUndefined());
  });

  test('data ends with the file, though its last block goes on', async () => {
    await writeFile(path, Buffer.alloc(5000, 1));
    await withSource(async (source) => expect(await source.nextData(100)).toEqual({ start: 100, end: 5000 }));
  });

  test('what was written behind the end since it was opened does not count', async () => {
    await makeSparse(4 * MIB);
    await withSource(async (source) => {
      await makeSparse(8 * MIB, 5 * MIB);
      expect(await source.nextData(0)).toBeUndefined();
    });
  });

  test('a file that shrank is no hole: reading tells that the bytes are not there', async () => {
    await makeSparse(8 * MIB, 0, 5 * MIB);
    await withSource(async (source) => {
      await truncate(path, 2 * MIB);
      expect(await source.nextData(MIB)).toEqual({ start: MIB, end: 8 * MIB });
      expect(await source.read(Buffer.alloc(MIB), 5 * MIB)).toBe(0);
      expect(await source.changed()).toBe(true);
    });
  });

  test('a closed file is an error, not a file without data', async () => {
    await makeSparse(4 * MIB, 0);
    const source = await SparseFileSource.open(path);
    await source.close();
    await expect(source.nextData(0)).rejects.toMatchObject({ code: 'EBADF', syscall: 'lseek' });
  });
});
