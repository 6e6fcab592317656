import { describe, expect, test } from 'vitest';
import { encodeName, nameOf, nameOfPath, pathFault, pathOfName } from './names.js';

test.each([
  ['./', ''],
  ['.', ''],
  ['./.', ''],
  ['././', ''],
  ['./etc', 'etc'],
  ['./etc/', 'etc'],
  ['etc/', 'etc'],
  ['etc//', 'etc'],
  ['./etc/hosts', 'etc/hosts'],
  ['.//etc', 'etc'],
  ['./././etc/./hosts/.', 'etc/hosts'],
  ['etc//hosts', 'etc/hosts'],
  ['.hidden', '.hidden'],
  ['./.hidden/..file/a.', '.hidden/..file/a.'],
  ['...', '...'],
  ['/', '/'],
  ['//', '/'],
  ['/.', '/'],
  ['/etc//passwd', '/etc/passwd'],
  ['//etc', '/etc'],
  ['.//', ''],
  ['..', '..'],
  ['./..', '..'],
  ['../up', '../up'],
  ['a/../../b', 'a/../../b'],
  ['a\\b', 'a\\b'],
])('the name %j is the path %j', (name, path) => {
  expect(pathOfName(name)).toBe(path);
});

test.each(['', 'etc', 'etc/hosts', '.hidden', '..a/b..', 'a b\n'])(
  'the path %j can be stored, and comes back',
  (path) => {
    expect(pathFault(path)).toBeUndefined();
    expect(pathOfName(nameOfPath(path, true))).toBe(path);
    if (path !== '') expect(pathOfName(nameOfPath(path, false))).toBe(path);
  },
);

describe('paths that cannot be stored', () => {
  test.each(['/', '/etc', '..', 'a/..', '../a', 'a/../b', 'a//b', 'a/', '.', './a', 'a/.', 'a\0'])(
    '%j',
    (path) => {
      expect(pathFault(path)).toBeDefined();
    },
  );
});

describe('a name is the same, made as text or as bytes', () => {
  const LONG = 'directory/'.repeat(9);

  test.each([
    '',
    'etc',
    'etc/hosts',
    `${LONG}12345678`,
    `${LONG}123456789`,
    `${LONG}${LONG}`,
    'ä/b',
    `${LONG}ä`,
  ])('%j', (path) => {
    for (const folder of ['', 'PaxHeaders']) {
      for (const isDirectory of [false, true]) {
        const name = { path, isDirectory, folder };
        const bytes = Buffer.alloc(110);
        const end = encodeName(bytes, 5, name);
        expect(end).toBeLessThanOrEqual(105);
        expect(bytes.subarray(5, end)).toEqual(Buffer.from(nameOf(name)).subarray(0, 100));
        expect(bytes.subarray(end)).toEqual(Buffer.alloc(110 - end));
      }
    }
  });
});
