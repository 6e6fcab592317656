import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { scratch, testWith, useTemporaryDirectory } from '@vzdump-format/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { pathToBytes } from '../path-text.js';
import { describeOnLinux } from '../testing/conditions.js';
import { fileSystem, isMountPoint, mountOf } from './file-system.js';

const temporaryDirectory = useTemporaryDirectory();

describeOnLinux('the file system', () => {
  test.each([
    ['/proc', 'proc', true],
    ['/sys', 'sysfs', true],
    ['/dev/pts', 'devpts', true],
    ['/dev/shm', 'tmpfs', false],
  ])('of %s', (path, name, virtual) => {
    expect(fileSystem(path)).toMatchObject({ name, virtual });
    const fd = openSync(path, 'r');
    expect(fileSystem(fd)).toEqual(fileSystem(path));
    closeSync(fd);
  });

  testWith(['stat'], 'stat: tells the same number', () => {
    for (const path of ['/proc', '/', temporaryDirectory()]) {
      const shown = execFileSync('stat', ['--file-system', '--format=%t', path], { encoding: 'utf8' });
      expect(fileSystem(path).magic.toString(16)).toBe(shown.trim());
    }
  });

  test('of what a link points to', () => {
    const link = join(temporaryDirectory(), 'link');
    symlinkSync('/proc', link);
    expect(fileSystem(link).name).toBe('proc');
  });

  test('of nothing', () => {
    expect(() => fileSystem(join(temporaryDirectory(), 'none'))).toThrow(
      expect.objectContaining({ code: 'ENOENT' }),
    );
    expect(() => fileSystem(1_000_000)).toThrow(expect.objectContaining({ code: 'ENOENT' }));
  });
});

describe('the mount that a directory is on', () => {
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
});
