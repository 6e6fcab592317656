import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { useTemporaryDirectory } from '@vzdump-format/testing';
import { expect, test } from 'vitest';
import { describeOnLinux } from '../testing/conditions.js';
import { setPipeSize } from './pipe-size.js';

const MIB = 1 << 20;

const temporaryDirectory = useTemporaryDirectory();

describeOnLinux('the size of a pipe', () => {
  test('becomes what was asked for', () => {
    const path = join(temporaryDirectory(), 'pipe');
    execFileSync('mkfifo', [path]);
    const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    try {
      expect(setPipeSize(fd, MIB)).toBe(MIB);
      expect(writeSync(fd, Buffer.alloc(2 * MIB))).toBe(MIB);
      expect(setPipeSize(fd, 4096), 'less than is in it').toBeUndefined();
    } finally {
      closeSync(fd);
    }
  });

  test('of what is no pipe', () => {
    const fd = openSync('/dev/null', 'r');
    expect(setPipeSize(fd, MIB)).toBeUndefined();
    closeSync(fd);
    expect(setPipeSize(1_000_000, MIB)).toBeUndefined();
  });
});
