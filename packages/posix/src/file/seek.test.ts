import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { canSeekData, seekData, seekHole } from './seek.js';

const MIB = 1 << 20;

let directory: string;
let file: FileHandle;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'posix-'));
  file = await open(join(directory, 'sparse'), 'w+');
});

afterEach(async () => {
  await file.close();
  await rm(directory, { recursive: true });
});

async function writeAt(...offsets: number[]): Promise<void> {
  for (const offset of offsets) await file.write(Buffer.alloc(MIB, 0xaa), 0, MIB, offset);
}

describe.runIf(process.platform === 'linux')('on Linux', () => {
  test('holes can be asked for', () => {
    expect(canSeekData()).toBe(true);
  });

  test('data and holes of a sparse file', async () => {
    await file.truncate(16 * MIB);
    await writeAt(4 * MIB, 8 * MIB);
    expect(seekData(file.fd, 0)).toBe(4 * MIB);
    expect(seekHole(file.fd, 0)).toBe(0);
    expect(seekData(file.fd, 4 * MIB + 5)).toBe(4 * MIB + 5);
    expect(seekHole(file.fd, 4 * MIB)).toBe(5 * MIB);
    expect(seekData(file.fd, 5 * MIB)).toBe(8 * MIB);
    expect(seekHole(file.fd, 8 * MIB + 100)).toBe(9 * MIB);
    expect(seekData(file.fd, 9 * MIB)).toBeUndefined();
    expect(seekHole(file.fd, 9 * MIB)).toBe(9 * MIB);
  });

  test('the end of a file counts as a hole', async () => {
    await writeAt(0);
    expect(seekData(file.fd, 0)).toBe(0);
    expect(seekHole(file.fd, 0)).toBe(MIB);
  });

  test('nothing follows at the end, behind it, and in an empty file', async () => {
    expect(seekData(file.fd, 0)).toBeUndefined();
    await writeAt(0);
    expect(seekData(file.fd, MIB)).toBeUndefined();
    expect(seekData(file.fd, MIB * 100)).toBeUndefined();
  });

  test('offsets above 4 GiB', async () => {
    const far = 5 * 2 ** 40;
    await file.truncate(far + 4 * MIB);
    await writeAt(far);
    expect(seekData(file.fd, 2 ** 32 + 1)).toBe(far);
    expect(seekHole(file.fd, far)).toBe(far + MIB);
  });

  test('a failure is an error as Node makes them', async () => {
    const closed = 1_000_000;
    for (const seek of [seekData, seekHole]) {
      expect(() => seek(closed, 0)).toThrow(
        expect.objectContaining({
          code: 'EBADF',
          errno: -9,
          syscall: 'lseek',
          message: 'EBADF: bad file descriptor, lseek',
        }),
      );
    }
    expect(() => seekHole(file.fd, MIB)).toThrow(expect.objectContaining({ code: 'ENXIO' }));
  });
});
