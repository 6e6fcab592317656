import { execFile } from 'node:child_process';
import { access, appendFile, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { keptScratch, noise } from '@vzdump-format/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BufferSource, blockDeviceSize, FileSource, readFully, SliceSource } from './byte-source.js';

const run = promisify(execFile);
const BYTES = noise(10_000);

const scratch = keptScratch();
let directory: string;
let path: string;

beforeAll(async () => {
  await scratch.make();
  directory = scratch.path('');
  path = join(directory, 'bytes');
  await writeFile(path, BYTES);
});

afterAll(scratch.remove);

describe('SliceSource', () => {
  const parent = new BufferSource(BYTES);

  test.each([
    [-1, 10],
    [0, -1],
    [0, 10_001],
    [10_000, 1],
    [Number.NaN, 1],
    [0, Number.NaN],
  ])('refuses a window at %d of %d bytes', (start, size) => {
    expect(() => new SliceSource(parent, start, size)).toThrow(RangeError);
  });

  test('a window may be empty, or end where its parent does', async () => {
    expect(await new SliceSource(parent, 10_000, 0).read(new Uint8Array(5), 0)).toBe(0);
    expect(await new SliceSource(parent, 9_999, 1).read(new Uint8Array(5), 0)).toBe(1);
  });

  test('a window of a window', async () => {
    const inner = new SliceSource(new SliceSource(parent, 1000, 500), 100, 50);
    const buffer = Buffer.alloc(60);
    expect(await inner.read(buffer, 10)).toBe(40);
    expect(buffer.subarray(0, 40).equals(BYTES.subarray(1110, 1150))).toBe(true);
  });

  test('leaves its parent open', async () => {
    const file = await FileSource.open(path);
    await new SliceSource(file, 0, 10).close();
    expect(await file.read(new Uint8Array(3), 0)).toBe(3);
    await file.close();
  });
});

describe('FileSource', () => {
  test('a file that shrank ends where it does now', async () => {
    const shrinking = join(directory, 'shrinking');
    await writeFile(shrinking, BYTES);
    const source = await FileSource.open(shrinking);
    await truncate(shrinking, 50);
    expect(await source.read(new Uint8Array(100), 0)).toBe(50);
    await source.close();
  });

  test('tells whether the content may have changed', async () => {
    const changing = join(directory, 'changing');
    for (const change of [
      () => appendFile(changing, 'x'),
      () => utimes(changing, 1, 1.5),
      () => truncate(changing, 5).then(() => utimes(changing, 1000, 1000)),
    ]) {
      await writeFile(changing, BYTES);
      await utimes(changing, 1000, 1000);
      const source = await FileSource.open(changing);
      expect(await source.changed()).toBe(false);
      await change();
      expect(await source.changed()).toBe(true);
      await source.close();
    }
  });

  test('close closes the file', async () => {
    const source = await FileSource.open(path);
    await source.close();
    await expect(source.read(new Uint8Array(1), 0)).rejects.toMatchObject({ code: 'EBADF' });
  });

  test('refuses a directory and a character device', async () => {
    for (const entry of [directory, '/dev/null']) {
      await expect(FileSource.open(entry)).rejects.toMatchObject({ code: 'NOT_A_FILE', entry });
    }
  });

  test('refuses a pipe, and does not wait for its other end', async () => {
    const pipe = join(directory, 'pipe');
    await run('mkfifo', [pipe]);
    await expect(FileSource.open(pipe)).rejects.toMatchObject({ code: 'NOT_A_FILE', entry: pipe });
  }, 5_000);

  test('names the system error of what is not there', async () => {
    await expect(FileSource.open(join(directory, 'nothing'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

describe('a block device', () => {
  test('is as large as its image, and reads as it', async (context) => {
    const image = join(directory, 'image');
    const bytes = noise(512 * 2049);
    await writeFile(image, bytes);
    const device = await attachLoop(image);
    if (device === undefined) return context.skip('needs root and a free loop device');
    try {
      const source = await FileSource.open(device);
      expect(source.size).toBe(bytes.length);
      expect(await source.changed()).toBe(false);
      const buffer = Buffer.alloc(1000);
      await readFully(source, buffer, bytes.length - 1000);
      expect(buffer.equals(bytes.subarray(-1000))).toBe(true);
      await source.close();
    } finally {
      await run('losetup', ['-d', device]);
    }
  });

  test('a device number that no device has is an error', async () => {
    await expect(blockDeviceSize(0xfff_ff_fff)).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

/** The device, or nothing where this is not allowed. */
async function attachLoop(image: string): Promise<string | undefined> {
  try {
    const { stdout } = await run('losetup', ['--find', '--show', '--read-only', image]);
    await access(stdout.trim());
    return stdout.trim();
  } catch {
    return undefined;
  }
}
