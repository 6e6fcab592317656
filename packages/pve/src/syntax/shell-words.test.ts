import { expect, test } from 'vitest';
import { splitShellWords } from './shell-words.js';

test.each([
  ['', []],
  ['  a  b\tc ', ['a', 'b', 'c']],
  ['"/a b" /c', ['/a b', '/c']],
  ["'/a b'/c", ['/a b/c']],
  ['a\\ b', ['a b']],
  ['"a\\"b"', ['a"b']],
  ["'a\\nb'", ['a\\nb']],
  ["'a\\'b'", ["a\\'b"]],
  ['a\\\\b', ['a\\b']],
  ['""', ['']],
  ['x""', ['x']],
  ['*.bak ?', ['*.bak', '?']],
  ['a\\', ['a\\']],
])('%j', (line, words) => {
  expect(splitShellWords(line)).toEqual(words);
});

test.each(['"a', "'a b", 'a "', "'\\'"])('%j is not closed', (line) => {
  expect(splitShellWords(line)).toBeUndefined();
});
