import { execFileSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { testOnFileSystem, testWith, useTemporaryDirectory, XFS } from '@vzdump-format/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { describeOnLinux } from '../testing/conditions.js';
import { getFlags, getQuotaProject, setFlags, setQuotaProject } from './file-attributes.js';

// <linux/fs.h>
const FS_SYNC_FL = 0x08;
const FS_APPEND_FL = 0x20;
const FS_NODUMP_FL = 0x40;
const FS_NOATIME_FL = 0x80;

const CLOSED = 1_000_000;

const temporaryDirectory = useTemporaryDirectory();

describeOnLinux('file flags', () => {
  const path = () => join(temporaryDirectory(), 'file');
  let fd: number;

  beforeEach(() => {
    fd = openSync(path(), 'w');
  });
  afterEach(() => closeSync(fd));

  testWith(['lsattr'], 'lsattr: shows what was set', () => {
    const shown = () =>
      execFileSync('lsattr', [path()], { encoding: 'utf8' }).split(' ')[0]!.replaceAll('-', '');
    const before = shown();
    const flags = getFlags(fd)!;
    setFlags(fd, flags | FS_NODUMP_FL | FS_NOATIME_FL | FS_SYNC_FL);
    expect(getFlags(fd)).toBe(flags | FS_NODUMP_FL | FS_NOATIME_FL | FS_SYNC_FL);
    expect([...shown()].sort()).toEqual([...before, 'd', 'A', 'S'].sort());
    setFlags(fd, flags);
    expect(shown()).toBe(before);
  });

  testWith(['chattr'], 'chattr: what it set is seen', () => {
    execFileSync('chattr', ['+a', path()]);
    expect(getFlags(fd)! & FS_APPEND_FL).toBe(FS_APPEND_FL);
    setFlags(fd, getFlags(fd)! & ~FS_APPEND_FL);
    expect(getFlags(fd)! & FS_APPEND_FL).toBe(0);
  });

  test('a file system without any', () => {
    const file = openSync('/proc/version', 'r');
    expect(getFlags(file)).toBeUndefined();
    expect(getQuotaProject(file)).toBeUndefined();
    expect(() => setFlags(file, 0)).toThrow(expect.objectContaining({ code: 'ENOTTY', syscall: 'ioctl' }));
    expect(() => setQuotaProject(file, 1)).toThrow(
      expect.objectContaining({ code: 'ENOTTY', syscall: 'ioctl' }),
    );
    closeSync(file);
  });

  test('numbers that do not fit are refused', () => {
    const before = getFlags(fd);
    for (const number of [-1, 2 ** 32, 0.5, Number.NaN]) {
      expect(() => setFlags(fd, number)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
      expect(() => setQuotaProject(fd, number)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
    }
    expect(getFlags(fd)).toBe(before);
  });

  test('a closed file', () => {
    for (const call of [
      () => getFlags(CLOSED),
      () => setFlags(CLOSED, 0),
      () => getQuotaProject(CLOSED),
      () => setQuotaProject(CLOSED, 0),
    ])
      expect(call).toThrow(expect.objectContaining({ code: 'EBADF', syscall: 'ioctl' }));
  });

  testOnFileSystem('quota projects are kept beside the flags', XFS, (root) => {
    const file = openSync(join(root, 'file'), 'w');
    try {
      expect(getQuotaProject(file)).toBe(0);
      setFlags(file, FS_NODUMP_FL);
      for (const project of [1, 4242, 0xffff_fffe, 0]) {
        setQuotaProject(file, project);
        expect(getQuotaProject(file)).toBe(project);
        expect(getFlags(file)).toBe(FS_NODUMP_FL);
      }
    } finally {
      closeSync(file);
    }
  });
});
