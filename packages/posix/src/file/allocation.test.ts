import {
  closeSync,
  fstatSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { BTRFS, testOnFileSystem, useTemporaryDirectory } from '@vzdump-format/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { describeOnLinux } from '../testing/conditions.js';
import { allocate, cloneFile, punchHole, zeroRange } from './allocation.js';

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

  test('a file system that cannot says so, and nothing is thrown', () => {
    const memory = mkdtempSync('/dev/shm/posix-'); // tmpfs has no FALLOC_FL_ZERO_RANGE, and nothing to clone with
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
      rmSync(memory, { recursive: true });
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
