import { spawn } from 'node:child_process';
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { testWith, useTemporaryDirectory } from '@vzdump-format/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { describeOnLinux } from '../testing/conditions.js';
import { lockFile, unlockFile } from './lock-file.js';

const temporaryDirectory = useTemporaryDirectory();

const SHARED = { exclusive: false };
const EXCLUSIVE = { exclusive: true };

describeOnLinux('a lock on a file', () => {
  const path = () => join(temporaryDirectory(), 'file');
  let one: number;
  let other: number;

  beforeEach(() => {
    writeFileSync(path(), '');
    one = openSync(path(), 'r');
    other = openSync(path(), 'r');
  });
  afterEach(() => {
    closeSync(one);
    closeSync(other);
  });

  test('has one exclusive holder', () => {
    expect(lockFile(one, EXCLUSIVE)).toBe(true);
    expect(lockFile(other, EXCLUSIVE)).toBe(false);
    expect(lockFile(other, SHARED)).toBe(false);
    unlockFile(one);
    expect(lockFile(other, EXCLUSIVE)).toBe(true);
  });

  test('has many others', () => {
    expect(lockFile(one, SHARED)).toBe(true);
    expect(lockFile(other, SHARED)).toBe(true);
    expect(lockFile(one, EXCLUSIVE)).toBe(false);
    unlockFile(other);
    expect(lockFile(one, EXCLUSIVE)).toBe(true);
  });

  test('changes from one to the other', () => {
    expect(lockFile(one, EXCLUSIVE)).toBe(true);
    expect(lockFile(one, SHARED)).toBe(true);
    expect(lockFile(other, SHARED)).toBe(true);
  });

  test('ends with the descriptor', () => {
    const third = openSync(path(), 'r');
    expect(lockFile(third, EXCLUSIVE)).toBe(true);
    closeSync(third);
    expect(lockFile(one, EXCLUSIVE)).toBe(true);
  });

  testWith(['flock'], 'flock: each sees what the other holds', async () => {
    const holder = spawn('flock', [path(), '--command', 'echo held; read line'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    await new Promise((resolve) => holder.stdout.once('data', resolve));
    expect(lockFile(one, SHARED)).toBe(false);
    const ended = new Promise((resolve) => holder.once('close', resolve));
    holder.stdin.end('\n');
    await ended;
    expect(lockFile(one, EXCLUSIVE)).toBe(true);

    const refused = spawn('flock', ['--nonblock', '--conflict-exit-code=9', path(), '--command', 'true']);
    expect(await new Promise((resolve) => refused.once('close', resolve))).toBe(9);
  });

  test('a closed file', () => {
    expect(() => lockFile(1_000_000, EXCLUSIVE)).toThrow(
      expect.objectContaining({ code: 'EBADF', syscall: 'flock' }),
    );
    expect(() => unlockFile(1_000_000)).toThrow(expect.objectContaining({ code: 'EBADF', syscall: 'flock' }));
  });
});
