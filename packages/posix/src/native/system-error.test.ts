import { openSync } from 'node:fs';
import { expect, test } from 'vitest';
import { systemError } from './native-calls.js';

test('is as Node makes it', () => {
  const path = '/no such/path';
  const byNode = (() => {
    try {
      return openSync(path, 'r');
    } catch (error) {
      return error;
    }
  })();
  expect(systemError(2, 'open', path)).toEqual(byNode);
});

test('without a path has none', () => {
  expect(systemError(9, 'lseek')).not.toHaveProperty('path');
});

test('its message acts on no terminal; its path is exact', () => {
  const path = '/\u001b[31m/\u009b/\u202e/\udc80/\n/é \u{1f480}';
  const error = systemError(2, 'openat', path);
  expect(error.message).toBe("ENOENT: no such file or directory, openat '/?[31m/?/?/?/?/é \u{1f480}'");
  expect(error.path).toBe(path);
});

test('its message is of bounded length', () => {
  const path = `/${'x'.repeat(1_000_000)}/end`;
  const error = systemError(36, 'statx', path);
  expect(error.message).toMatch(/^ENAMETOOLONG: name too long, statx '…x{996}\/end'$/);
  expect(error.path).toBe(path);
});

test('of a number that Node does not know', () => {
  expect(systemError(12345, 'openat')).toMatchObject({ code: 'E12345', errno: -12345 });
});
