import { describe, expect, test } from 'vitest';
import { fileNameFault, isPlainName, pathComponents, requireFileName } from './entry-path.js';

describe('a name that can be one component of a path', () => {
  test.each([
    'qemu-server.conf',
    '...',
    '..a',
    '.hidden',
    '-rf',
    ' ',
    'a\\b',
    'a\nb',
    '\u{1f480}',
    'a\udc80',
    'x'.repeat(255),
    'é'.repeat(127),
  ])('%j', (name) => {
    expect(fileNameFault(name)).toBeUndefined();
    expect(requireFileName(name)).toBe(name);
  });
});

describe('a name that cannot', () => {
  test.each([
    ['', 'it is empty'],
    ['.', 'it names a directory itself'],
    ['..', 'it names a directory itself'],
    ['/', 'it holds a slash'],
    ['../evil', 'it holds a slash'],
    ['/etc/passwd', 'it holds a slash'],
    ['a/', 'it holds a slash'],
    ['a\0b', 'it holds a NUL byte'],
    ['\0', 'it holds a NUL byte'],
    ['x'.repeat(256), 'it is longer than 255 bytes'],
    ['é'.repeat(128), 'it is longer than 255 bytes'],
    ['\u{1f480}'.repeat(64), 'it is longer than 255 bytes'],
    ['\udc80'.repeat(256), 'it is longer than 255 bytes'],
  ])('%j', (name, fault) => {
    expect(fileNameFault(name)).toBe(fault);
    expect(() => requireFileName(name)).toThrow(
      expect.objectContaining({ code: 'UNSAFE_NAME', entry: name }),
    );
  });
});

test('255 bytes that are not UTF-8 count as 255', () => {
  expect(fileNameFault('\udc80'.repeat(255))).toBeUndefined();
});

test('the error shows the name in one line', () => {
  expect(() => requireFileName('a\n\u001b[31m/b')).toThrow(
    '"a\\x0a\\x1b[31m/b" cannot be a file name: it holds a slash',
  );
});

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
