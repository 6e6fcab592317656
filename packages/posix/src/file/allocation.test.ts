import { closeSync, fstatSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { BTRFS, scratch, testOnFileSystem, useTemporaryDirectory } from '@vzdump-format/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { describeOnLinux } from '../testing/conditions.js';
import { allocate, canSeekData, cloneFile, punchHole, seekData, seekHole, zeroRange } from './allocation.js';

const MIB = 1 << 20;
const CLOSED = 1_000_000;

const temporaryDirectory = useTemporaryDirectory();

describeOnLinux('space of a file', () => {
  const path = () => join(temporaryDirectory(), 'full');
  let fd: number;

  beforeEach(() => {
    writeFileSync(path(), Buffer.alloc(MIB, 0xaa));
    fd = openSync(path(), 'r+');
  });
  afterEach(() => closeSync(fd));

  const allocated = () => fstatSync(fd).blocks * 512;

  /** What is in the file after a call that made this range zeros, or did not. */
  function expectZeros(start: number, end: number, done: boolean): void {
    const expected = Buffer.alloc(MIB, 0xaa);
    if (done) expected.fill(0, start, end);
    expect(readFileSync(path()).equals(expected)).toBe(true);
  }

  test('zeroRange: the range reads as zeros, and nothing else changes; or it says that it cannot', () => {
    expectZeros(5000, 55_001, zeroRange(fd, 5000, 50_001));
    zeroRange(fd, MIB - 10, 100);
    expect(fstatSync(fd).size).toBe(MIB);
  });

  test('punchHole: the same, and space is given back', () => {
    const before = allocated();
    const done = punchHole(fd, 65536 + 1, MIB / 2);
    expectZeros(65536 + 1, 65536 + 1 + MIB / 2, done);
    if (done) expect(allocated()).toBeLessThan(before);
  });

  test('allocate: there is space, the content stays, and the file is as long', () => {
    const done = allocate(fd, MIB, 4 * MIB);
    expect(fstatSync(fd).size).toBe(done ? 5 * MIB : MIB);
    if (done) expect(allocated()).toBeGreaterThanOrEqual(5 * MIB);
    expect(readFileSync(path()).subarray(0, MIB).equals(Buffer.alloc(MIB, 0xaa))).toBe(true);
  });

  test('allocate: more than there is', () => {
    expect(() => allocate(fd, 0, 2 ** 43)).toThrow(
      expect.objectContaining({
        code: expect.stringMatching(/^(ENOSPC|EFBIG)$/) as string,
        syscall: 'fallocate',
      }),
    );
  });

  test('a file system that cannot says so, and nothing is thrown', async () => {
    const memory = await scratch('/dev/shm'); // tmpfs has no FALLOC_FL_ZERO_RANGE, and nothing to clone with
    const one = openSync(join(memory, 'one'), 'w+');
    const other = openSync(join(memory, 'other'), 'w+');
    try {
      writeSync(one, Buffer.alloc(8192, 0xaa));
      expect(zeroRange(one, 0, 4096)).toBe(false);
      expect(cloneFile(one, other)).toBe(false);
      expect(cloneFile(fd, other), 'on another file system').toBe(false);
      expect(readFileSync(join(memory, 'one'))).toEqual(Buffer.alloc(8192, 0xaa));
      expect(fstatSync(other).size).toBe(0);
    } finally {
      closeSync(one);
      closeSync(other);
    }
  });

  testOnFileSystem(
    'cloneFile: the copy is the same, and stays so when the original changes',
    BTRFS,
    (root) => {
      const original = openSync(join(root, 'original'), 'w+');
      const copy = openSync(join(root, 'copy'), 'w+');
      try {
        const content = Buffer.alloc(MIB, 'some content');
        writeSync(original, content);
        expect(cloneFile(original, copy)).toBe(true);
        writeSync(original, 'changed', 0);
        expect(readFileSync(join(root, 'copy')).equals(content)).toBe(true);
      } finally {
        closeSync(original);
        closeSync(copy);
      }
    },
  );

  test('a failure is an error as Node makes them', () => {
    for (const call of [zeroRange, punchHole, allocate]) {
      expect(() => call(CLOSED, 0, 4096)).toThrow(
        expect.objectContaining({
          code: 'EBADF',
          syscall: 'fallocate',
          message: 'EBADF: bad file descriptor, fallocate',
        }),
      );
    }
    expect(() => cloneFile(fd, CLOSED)).toThrow(expect.objectContaining({ code: 'EBADF', syscall: 'ioctl' }));
    expect(() => cloneFile(CLOSED, fd)).toThrow(expect.objectContaining({ code: 'EBADF', syscall: 'ioctl' }));
  });
});

describeOnLinux('holes of a file', () => {
  let file: FileHandle;

  beforeEach(async () => {
    file = await open(join(temporaryDirectory(), 'sparse'), 'w+');
  });
  afterEach(() => file.close());

  async function writeAt(...offsets: number[]): Promise<void> {
    for (const offset of offsets) await file.write(Buffer.alloc(MIB, 0xaa), 0, MIB, offset);
  }

  test('can be asked for', () => {
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
