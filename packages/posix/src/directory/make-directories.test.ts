import { existsSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { useTemporaryDirectory } from '@vzdump-format/testing';
import { expect, test } from 'vitest';
import { pathToBytes } from '../path-text.js';
import { describeOnLinux } from '../testing/conditions.js';
import { makeDirectories, removeEmptyDirectories } from './make-directories.js';

const temporaryDirectory = useTemporaryDirectory();

test('those that are missing are made, and told', () => {
  const top = join(temporaryDirectory(), 'a');
  expect(makeDirectories(join(top, 'b', 'c'))).toEqual([top, join(top, 'b'), join(top, 'b', 'c')]);
  expect(statSync(join(top, 'b', 'c')).isDirectory()).toBe(true);
  expect(makeDirectories(join(top, 'b', 'd'))).toEqual([join(top, 'b', 'd')]);
  expect(makeDirectories(top)).toEqual([]);
});

test('they can be taken back, but for those with something in them', () => {
  const top = join(temporaryDirectory(), 'a');
  const made = makeDirectories(join(top, 'b', 'c'));
  writeFileSync(join(top, 'file'), '');
  removeEmptyDirectories(made);
  expect([existsSync(join(top, 'b')), existsSync(top)]).toEqual([false, true]);
});

test('a relative path, a slash at its end, a link on the way, a dangling link', () => {
  const root = temporaryDirectory();
  mkdirSync(join(root, 'real'));
  symlinkSync('real', join(root, 'link'));
  symlinkSync('nowhere', join(root, 'dangling'));
  makeDirectories(`${join(root, 'link', 'x')}/`);
  expect(statSync(join(root, 'real', 'x')).isDirectory()).toBe(true);
  expect(makeDirectories('.')).toEqual([]);
  expect(() => makeDirectories(join(root, 'dangling', 'x'))).toThrow(
    expect.objectContaining({ code: 'EEXIST' }),
  );
});

test('a file in the way is an error, and what was made for it goes', () => {
  const root = temporaryDirectory();
  writeFileSync(join(root, 'file'), '');
  expect(() => makeDirectories(join(root, 'file'))).toThrow(expect.objectContaining({ code: 'EEXIST' }));
  expect(() => makeDirectories(join(root, 'file', 'x'))).toThrow(
    expect.objectContaining({ code: 'ENOTDIR' }),
  );
  const tooLong = join(root, 'new', 'x'.repeat(300));
  expect(() => makeDirectories(tooLong)).toThrow(expect.objectContaining({ code: 'ENAMETOOLONG' }));
  expect(existsSync(join(root, 'new'))).toBe(false);
});

describeOnLinux('what Linux allows', () => {
  test('where nothing can be made, it ends', () => {
    expect(() => makeDirectories('/proc/x/y')).toThrow(expect.objectContaining({ code: 'ENOENT' }));
  });

  test('names of any bytes', () => {
    const path = join(temporaryDirectory(), 'caf\udce9', 'x');
    makeDirectories(path);
    expect(statSync(pathToBytes(path)).isDirectory()).toBe(true);
  });
});
