import { expect, test } from 'vitest';
import { isPlainName, pathComponents } from './restore-names.js';

test.each([
  ['a', ['a']],
  ['a/b/c', ['a', 'b', 'c']],
  ['/a//b/', ['a', 'b']],
  ['./a/./b/.', ['a', 'b']],
  ['', []],
  ['.', []],
  ['///', []],
  ['.../..a/b..', ['...', '..a', 'b..']],
  ['C:\\a\\..\\b', ['C:\\a\\..\\b']],
  ['a\udc80/\ufffd', ['a\udc80', '\ufffd']],
])('%j leads through %j', (path, components) => {
  expect(pathComponents(path)).toEqual(components);
});

test.each([
  ['..', 'TREE_PATH_PARENT'],
  ['a/..', 'TREE_PATH_PARENT'],
  ['/..', 'TREE_PATH_PARENT'],
  ['a/../b', 'TREE_PATH_PARENT'],
  ['a\0', 'TREE_PATH_NUL'],
  ['\0', 'TREE_PATH_NUL'],
  ['a/\0/..', 'TREE_PATH_NUL'],
  ['a/'.repeat(2049), 'TREE_PATH_DEPTH'],
])('%j leads nowhere: %s', (path, code) => {
  expect(() => pathComponents(path)).toThrow(expect.objectContaining({ code, entry: path }));
});

test('as deep as can be', () => {
  expect(pathComponents('a/'.repeat(2048))).toHaveLength(2048);
});

test.each(['a', '...', 'a b', ' ', '..a', 'a\\b'])('%j is a plain name', (name) => {
  expect(isPlainName(name)).toBe(true);
});

test.each(['', '.', '..', 'a/b', '/', 'a\0'])('%j is none', (name) => {
  expect(isPlainName(name)).toBe(false);
});
