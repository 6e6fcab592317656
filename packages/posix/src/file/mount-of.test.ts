import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { scratch, testWith } from '@vzdump-format/testing';
import { expect, onTestFinished, test } from 'vitest';
import { pathToBytes } from '../text/path-text.js';
import { isMountPoint, mountOf } from './mount-of.js';

function mount(directory: string): void {
  execFileSync('mount', ['-t', 'tmpfs', 'test', directory]);
  onTestFinished(() => void execFileSync('umount', [directory]));
}

test('is what the kernel says', () => {
  expect(mountOf('/proc/self')).toEqual({ path: '/proc', type: 'proc' });
  expect(() => mountOf('/nonexistent')).toThrow(/nonexistent/);
});

test.each(['/', '/proc', '/proc/', '/proc/.', '/proc/self/root'])('%s is a mount point', (path) => {
  expect(isMountPoint(path)).toBe(true);
});

test.each(['/proc/self', '/proc/version', '/nonexistent', '/nonexistent/x'])('%s is none', (path) => {
  expect(isMountPoint(path)).toBe(false);
});

test('a directory is none; a link that leads to one is', async () => {
  const directory = await scratch();
  expect(isMountPoint(directory)).toBe(false);
  symlinkSync('/proc', join(directory, 'link'));
  expect(isMountPoint(join(directory, 'link'))).toBe(true);
});

testWith(['root'], 'whatever it is called, until something else is mounted above it', async () => {
  const above = join(await scratch(), 'above');
  const directory = join(above, 'a b\\040\n\t#ü');
  mkdirSync(pathToBytes(join(directory, 'below')), { recursive: true });
  mount(directory);
  expect(mountOf(directory)).toEqual({ path: directory, type: 'tmpfs' });
  expect(isMountPoint(directory)).toBe(true);
  mkdirSync(join(directory, 'below'));
  expect(isMountPoint(join(directory, 'below'))).toBe(false);
  execFileSync('mount', ['-t', 'tmpfs', 'test', above]);
  try {
    mkdirSync(directory);
    expect(isMountPoint(directory)).toBe(false);
  } finally {
    execFileSync('umount', [above]);
  }
});
