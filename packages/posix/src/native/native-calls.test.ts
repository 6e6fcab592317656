import { afterEach, describe, expect, test } from 'vitest';
import { openDirectory } from '../directory/open-directory.js';
import { allocate, cloneFile, punchHole, zeroRange } from '../file/allocation.js';
import {
  getFlags,
  getQuotaProject,
  getXattr,
  listXattrs,
  removeXattr,
  setFlags,
  setQuotaProject,
  setXattr,
} from '../file/file-attributes.js';
import { lockFile, unlockFile } from '../file/lock-file.js';
import { setPipeSize } from '../file/pipe-size.js';
import { canSeekData, seekData, seekHole } from '../file/seek.js';
import { missingCapabilities } from '../process/permissions.js';
import { allowNativeCalls, nativeCallsAvailable } from './native-calls.js';

afterEach(() => allowNativeCalls(true));

test.runIf(process.platform === 'linux')('they are there on Linux, and nothing is missing', () => {
  expect(nativeCallsAvailable()).toBe(true);
  expect(missingCapabilities()).toBeUndefined();
  expect(canSeekData()).toBe(true);
});

describe('without them', () => {
  const CLOSED = 1_000_000; // never reached

  test('what is missing is said in one sentence', () => {
    allowNativeCalls(false);
    expect(nativeCallsAvailable()).toBe(false);
    expect(canSeekData()).toBe(false);
    expect(missingCapabilities()).toContain('extended attributes');
  });

  test.each<[string, () => unknown]>([
    ['listxattr', () => listXattrs(CLOSED)],
    ['getxattr', () => getXattr(CLOSED, 'user.x')],
    ['setxattr', () => setXattr(CLOSED, 'user.x', Buffer.of(1))],
    ['removexattr', () => removeXattr(CLOSED, 'user.x')],
    ['listxattr', () => openDirectory('/').listXattrs('x')],
    ['getxattr', () => openDirectory('/').getXattr('x', 'user.x')],
    ['setxattr', () => openDirectory('/').setXattr('x', 'user.x', Buffer.of(1))],
    ['removexattr', () => openDirectory('/').removeXattr('x', 'user.x')],
    ['mknod', () => openDirectory('/').makeNode('x', 'fifo', 0o600)],
    ['ioctl', () => getFlags(CLOSED)],
    ['ioctl', () => setFlags(CLOSED, 0)],
    ['ioctl', () => getQuotaProject(CLOSED)],
    ['ioctl', () => setQuotaProject(CLOSED, 0)],
    ['flock', () => lockFile(CLOSED, { exclusive: true })],
    ['flock', () => unlockFile(CLOSED)],
    ['lseek', () => seekData(CLOSED, 0)],
    ['lseek', () => seekHole(CLOSED, 0)],
  ])('%s: ENOSYS (%s)', (syscall, call) => {
    allowNativeCalls(false);
    expect(call).toThrow(
      expect.objectContaining({ code: 'ENOSYS', syscall: expect.stringContaining(syscall) as string }),
    );
  });

  test('what is only a matter of space and speed is not done, and nothing is thrown', () => {
    allowNativeCalls(false);
    expect(zeroRange(CLOSED, 0, 1)).toBe(false);
    expect(punchHole(CLOSED, 0, 1)).toBe(false);
    expect(allocate(CLOSED, 0, 1)).toBe(false);
    expect(cloneFile(CLOSED, CLOSED)).toBe(false);
    expect(setPipeSize(CLOSED, 1)).toBeUndefined();
  });
});
