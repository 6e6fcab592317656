import { open } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { ArchiveError, failedCall } from './diagnostics.js';

test('tells where in its message, and keeps the details apart', () => {
  const cause = new Error('disk');
  const error = new ArchiveError('VMA_EXTENT_CHECKSUM', 'the extent is damaged', {
    offset: 12800,
    entry: 'drive-scsi0',
    hint: 'make another backup',
    cause,
  });
  expect(error.message).toBe('the extent is damaged (at byte 12800)');
  expect(error).toMatchObject({ offset: 12800, entry: 'drive-scsi0', hint: 'make another backup', cause });
  expect(error.code).toBe('VMA_EXTENT_CHECKSUM');
  expect(error).toBeInstanceOf(Error);
  expect(String(error)).toBe('ArchiveError: the extent is damaged (at byte 12800)');
});

test('names the first byte too', () => {
  expect(new ArchiveError('X', 'no magic', { offset: 0 }).message).toBe('no magic (at byte 0)');
});

test('does without details', () => {
  const error = new ArchiveError('X', 'wrong');
  expect(error.message).toBe('wrong');
  expect([error.offset, error.entry, error.hint, error.cause]).toEqual(Array(4).fill(undefined));
});

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
