import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { scratch } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import { restoreTree } from '../restore/restore.js';
import { readWholeContent } from './content.js';
import type { FileEntry } from './entry.js';
import { fileEntry, requireEntry } from './file-entry.js';

describe('a file that one makes oneself', () => {
  test("is root's, of now, and has the size of its content", async () => {
    const before = BigInt(Date.now()) * 1_000_000n;
    const entry = fileEntry('etc/motd', 'Grüße\n');
    expect(entry).toMatchObject({ path: 'etc/motd', type: 'file', mode: 0o644, uid: 0, gid: 0, size: 8 });
    expect(entry.mtime).toBeGreaterThanOrEqual(before);
    expect(entry.mtime).toBeLessThanOrEqual(BigInt(Date.now()) * 1_000_000n);
    expect((await readWholeContent(entry)).toString()).toBe('Grüße\n');
  });

  test.each([
    ['bytes', Buffer.from('abc'), undefined],
    ['a text', 'abc', undefined],
    ['an array of chunks', [Buffer.from('a'), Buffer.from('bc')], undefined],
    ['a web stream of a known size', new Blob(['abc']).stream(), 3],
  ])('of %s', async (_, data, size) => {
    const entry = fileEntry('a', data, { size });
    expect(entry.size).toBe(3);
    expect((await readWholeContent(entry)).toString()).toBe('abc');
  });

  test('with a date, a mode and an owner', () => {
    const options = { mtime: new Date(1500), mode: 0o4755, uid: 5, gid: 6 };
    const expected = { mtime: 1_500_000_000n, mode: 0o4755, uid: 5, gid: 6 };
    expect(fileEntry('bin/a', '', options)).toMatchObject(expected);
    expect(fileEntry('bin/a', '', { mtime: 7n }).mtime).toBe(7n);
  });

  test.each(['/etc/motd', './etc/motd', 'etc/motd', '/./etc/motd'])('at %s', (path) => {
    expect(fileEntry(path, '').path).toBe('etc/motd');
  });

  test.each([
    ['chunks without a size', () => fileEntry('a', new Blob(['abc']).stream()), 'the size of "a" is missing'],
    ['a date that is none', () => fileEntry('a', '', { mtime: new Date('?') }), 'the mtime of "a" is a Date'],
  ])('not of %s', (_, make, message) => {
    const error = expect.objectContaining({ code: 'ENTRY_FIELD', message: expect.stringContaining(message) });
    expect(make).toThrow(error);
  });

  test('is restored', async () => {
    const target = join(await scratch(), 'target');
    const entry = fileEntry('etc/motd', [Buffer.from('he'), Buffer.from('llo')], { mtime: new Date(0) });
    await restoreTree([entry], target, { owner: false });
    expect(await readFile(join(target, 'etc/motd'), 'utf8')).toBe('hello');
    expect((await stat(join(target, 'etc/motd'))).mtimeMs).toBe(0);
  });
});

describe('an entry that is none is refused, and its field named', () => {
  const WRONG: readonly (readonly [field: string, value: unknown, message: string])[] = [
    ['mtime', 0, 'the mtime of "a" is the number 0, not a bigint of nanoseconds'],
    ['mtime', new Date(0), 'the mtime of "a" is a Date, not a bigint of nanoseconds'],
    ['mtime', undefined, 'the mtime of "a" is missing, not a bigint of nanoseconds'],
    ['size', undefined, 'the size of "a" is missing, not a number of bytes'],
    ['size', 5n, 'the size of "a" is of type bigint, not a number of bytes'],
    ['path', undefined, 'the path of "" is missing, not a string'],
    ['type', 'folder', 'the type of "a" is of type string, not one of file, directory'],
    ['mode', '644', 'the mode of "a" is of type string, not a number'],
    ['uid', undefined, 'the uid of "a" is missing, not a number'],
    ['gid', null, 'the gid of "a" is null, not a number'],
    ['content', 'text', 'the content of "a" is of type string, not bytes, or chunks of bytes'],
    ['linkTarget', Buffer.from('b'), 'the linkTarget of "a" is of type object, not a string'],
    ['xattrs', { 'user.a': 'b' }, 'the xattrs of "a" is of type object, not a Map'],
  ];

  test.each(WRONG)('%s: %s', async (field, value, message) => {
    const entry = { ...fileEntry('a', 'abc'), [field]: value } as FileEntry;
    const expected = { name: 'ArchiveError', code: 'ENTRY_FIELD', message: expect.stringContaining(message) };
    expect(() => requireEntry(entry)).toThrow(expect.objectContaining(expected));
    await expect(restoreTree([entry], join(await scratch(), 'target'))).rejects.toMatchObject(expected);
  });
});
