import { access, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { zeroRange } from './allocation.js';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'posix-'));
});

afterEach(async () => {
  await rm(directory, { recursive: true });
});

describe.runIf(process.platform === 'linux')('on Linux', () => {
  test('the range reads as zeros, what is around it stays, and the size too; or it says that it cannot', async () => {
    const file = await open(join(directory, 'full'), 'w+');
    try {
      await file.write(Buffer.alloc(100_000, 0xaa));
      const couldZero = zeroRange(file.fd, 5000, 50_001);
      const content = Buffer.alloc(200_000);
      expect((await file.read(content, 0, content.length, 0)).bytesRead).toBe(100_000);
      const expected = Buffer.alloc(100_000, 0xaa);
      if (couldZero) expected.fill(0, 5000, 55_001);
      expect(content.subarray(0, 100_000).equals(expected)).toBe(true);
    } finally {
      await file.close();
    }
  });

  test('a file system that cannot says so, and nothing is thrown', async (context) => {
    const memory = '/dev/shm'; // tmpfs has no FALLOC_FL_ZERO_RANGE
    if (
      !(await access(memory).then(
        () => true,
        () => false,
      ))
    )
      return context.skip('there is no /dev/shm');
    const inMemory = await mkdtemp(join(memory, 'posix-'));
    const file = await open(join(inMemory, 'full'), 'w+');
    try {
      await file.write(Buffer.alloc(8192, 0xaa));
      expect(zeroRange(file.fd, 0, 4096)).toBe(false);
      expect((await file.read(Buffer.alloc(1), 0, 1, 0)).buffer[0]).toBe(0xaa);
    } finally {
      await file.close();
      await rm(inMemory, { recursive: true });
    }
  });

  test('a failure is an error as Node makes them', async () => {
    expect(() => zeroRange(1_000_000, 0, 4096)).toThrow(
      expect.objectContaining({
        code: 'EBADF',
        syscall: 'fallocate',
        message: 'EBADF: bad file descriptor, fallocate',
      }),
    );
  });
});
