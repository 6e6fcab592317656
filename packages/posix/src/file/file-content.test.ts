import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { useTemporaryDirectory } from '@vzdump-format/testing';
import { expect, test } from 'vitest';
import { describeBoth } from '../testing/conditions.js';
import { closeFile, readBytes, writeBytes } from './file-content.js';

const temporaryDirectory = useTemporaryDirectory();

function code(expected: string): Error {
  return expect.objectContaining({ code: expected });
}

describeBoth('the content of an open file', () => {
  const path = () => join(temporaryDirectory(), 'file');

  test('is read from where the descriptor stands, until the end', () => {
    writeFileSync(path(), 'abcdefghij');
    const fd = openSync(path(), 'r');
    const buffer = Buffer.alloc(6, '.');
    expect([readBytes(fd, buffer), buffer.toString()]).toEqual([6, 'abcdef']);
    expect([readBytes(fd, buffer), buffer.toString()]).toEqual([4, 'ghijef']);
    expect(readBytes(fd, buffer)).toBe(0);
    closeSync(fd);
  });

  test('is read at a position, into part of a buffer', () => {
    writeFileSync(path(), 'abcdefghij');
    const fd = openSync(path(), 'r');
    const buffer = Buffer.alloc(6, '.');
    expect(readBytes(fd, buffer.subarray(2, 4), 7)).toBe(2);
    expect(buffer.toString()).toBe('..hi..');
    expect(readBytes(fd, buffer, 0)).toBe(6);
    expect(readBytes(fd, buffer, 2 ** 40)).toBe(0);
    closeSync(fd);
  });

  test('is written where the descriptor stands, and at a position', () => {
    const fd = openSync(path(), 'w+');
    writeBytes(fd, Buffer.from('abc'));
    writeBytes(fd, Buffer.from('_defgh_').subarray(1, 6));
    writeBytes(fd, Buffer.from('XY'), 0);
    writeBytes(fd, new Uint8Array(0));
    writeBytes(fd, Buffer.from('i'));
    closeSync(fd);
    expect(readFileSync(path(), 'utf8')).toBe('XYcdefghi');
  });

  test('past 4 GiB', () => {
    const fd = openSync(path(), 'w+');
    const far = 5 * 2 ** 32 + 1;
    writeBytes(fd, Buffer.from('far'), far);
    const buffer = Buffer.alloc(3);
    expect(readBytes(fd, buffer, far)).toBe(3);
    expect(buffer.toString()).toBe('far');
    closeSync(fd);
  });

  test('failures are errors as Node makes them', () => {
    writeFileSync(path(), 'abc');
    const fd = openSync(path(), 'r');
    expect(() => writeBytes(fd, Buffer.of(1))).toThrow(
      expect.objectContaining({ code: 'EBADF', errno: -9, syscall: 'write' }),
    );
    closeFile(fd);
    expect(() => readBytes(fd, Buffer.alloc(1))).toThrow(code('EBADF'));
    expect(() => closeFile(fd)).toThrow(code('EBADF'));
  });

  test('a full disk is one', () => {
    const fd = openSync('/dev/full', 'w');
    expect(() => writeBytes(fd, Buffer.of(1))).toThrow(code('ENOSPC'));
    closeFile(fd);
  });
});
