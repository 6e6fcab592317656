import { openSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import { openDirectory } from '../directory/native-directory.js';
import {
  allocate,
  canSeekData,
  cloneFile,
  punchHole,
  seekData,
  seekHole,
  zeroRange,
} from '../file/allocation.js';
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
import { lockFile, setPipeSize, unlockFile } from '../file/open-file.js';
import { allowNativeCalls, missingCapabilities, nativeCallsAvailable, systemError } from './native-calls.js';

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

describe('a system error', () => {
  test('is as Node makes it', () => {
    const path = '/no such/path';
    const byNode = (() => {
      try {
        return openSync(path, 'r');
      } catch (error) {
        return error;
      }
    })();
    expect(systemError(2, 'open', path)).toEqual(byNode);
  });

  test('without a path has none', () => {
    expect(systemError(9, 'lseek')).not.toHaveProperty('path');
  });

  test('its message acts on no terminal; its path is exact', () => {
    const path = '/\u001b[31m/\u009b/\u202e/\udc80/\n/é \u{1f480}';
    const error = systemError(2, 'openat', path);
    expect(error.message).toBe("ENOENT: no such file or directory, openat '/?[31m/?/?/?/?/é \u{1f480}'");
    expect(error.path).toBe(path);
  });

  test('its message is of bounded length', () => {
    const path = `/${'x'.repeat(1_000_000)}/end`;
    const error = systemError(36, 'statx', path);
    expect(error.message).toMatch(/^ENAMETOOLONG: name too long, statx '…x{996}\/end'$/);
    expect(error.path).toBe(path);
  });

  test('of a number that Node does not know', () => {
    expect(systemError(12345, 'openat')).toMatchObject({ code: 'E12345', errno: -12345 });
  });
});
