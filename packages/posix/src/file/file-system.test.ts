import { execFileSync } from 'node:child_process';
import { closeSync, openSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { testWith, useTemporaryDirectory } from '@vzdump-format/testing';
import { expect, test } from 'vitest';
import { describeOnLinux } from '../testing/conditions.js';
import { fileSystem } from './file-system.js';

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
