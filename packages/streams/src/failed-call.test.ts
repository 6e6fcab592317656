import { open } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { ArchiveError } from './archive-error.js';
import { failedCall } from './failed-call.js';

test('a bare error of the system is given its place', async () => {
  const cause: unknown = await open('/not/there').catch((error: unknown) => error);
  const error = failedCall(cause, 'TARGET_WRITE', 'disk.raw cannot be written', 'disk.raw');
  expect(error).toBeInstanceOf(ArchiveError);
  expect(error).toMatchObject({
    code: 'TARGET_WRITE',
    entry: 'disk.raw',
    message: "disk.raw cannot be written: ENOENT: no such file or directory, open '/not/there'",
    cause,
  });
});

test.each([
  new ArchiveError('NBD_IO', 'the server says no'),
  new Error('the connection is gone'),
  new DOMException('stop', 'AbortError'),
  'a string',
  undefined,
])('any other stays what it is: %s', (error) => {
  expect(failedCall(error, 'TARGET_WRITE', 'disk.raw cannot be written', 'disk.raw')).toBe(error);
});
