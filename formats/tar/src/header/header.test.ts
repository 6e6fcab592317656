import { noise } from '@vzdump-format/testing';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MAX_OCTAL_ID, MAX_OCTAL_SIZE, MAX_OCTAL_TIME } from '../format.js';
import { stretchOf } from '../read/archive-reader.js';
import { goldenArchive } from '../testing/archives.js';
import { header } from '../testing/built-archive.js';
import {
  decodeHeader,
  decodeNumber,
  encodeOctal,
  HeaderEncoder,
  type HeaderFields,
  hasChecksum,
  isTar,
  sumOfBytes,
} from './header.js';

test.each(['gnu-v7', 'gnu-ustar', 'gnu-gnu', 'gnu-posix', 'bsd-pax'])(
  '%s is known by its first block',
  (name) => {
    const bytes = goldenArchive(name);
    expect(isTar(bytes.subarray(0, 512))).toBe(true);
    expect(isTar(bytes.subarray(0, 511))).toBe(false);
  },
);

test('what is no tar is not', () => {
  expect(isTar(Buffer.alloc(512))).toBe(false);
  expect(isTar(noise(512))).toBe(false);
  expect(isTar(Buffer.alloc(0))).toBe(false);
  expect(isTar(Buffer.from('28b52ffd'.repeat(128), 'hex'))).toBe(false);
});

describe('checksums', () => {
  const SUM_FIELD = 148;

  test('the sum of any bytes, wherever they lie', () => {
    for (const [offset, block] of [
      [0, noise(512)],
      [1, Buffer.alloc(512, 0xff)],
      [3, noise(512, 7)],
    ] as const) {
      const bytes = Buffer.alloc(520, 0x55);
      bytes.set(block, offset);
      const words = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      expect(sumOfBytes(words, offset)).toBe(block.reduce((sum, byte) => sum + byte, 0));
    }
  });

  test('of signed bytes, as old writers have them', () => {
    const block = header({ name: Buffer.from('ümläut-ÿ', 'latin1') });
    const unsigned = Number.parseInt(block.toString('latin1', SUM_FIELD, SUM_FIELD + 6), 8);
    const negative = block.filter((byte) => byte >= 0x80).length;
    expect(negative).toBe(3);
    encodeOctal(block, SUM_FIELD, 7, unsigned - 256 * negative);
    const stretch = stretchOf(block);
    expect(hasChecksum(stretch, sumOfBytes(stretch.words, 0))).toBe(true);
    encodeOctal(block, SUM_FIELD, 7, unsigned - 256);
    expect(hasChecksum(stretch, sumOfBytes(stretch.words, 0))).toBe(false);
  });

  test('a changed byte anywhere is noticed', () => {
    for (let at = 0; at < 512; at++) {
      const block = header({ name: 'x' });
      block[at]! ^= 1;
      const stretch = stretchOf(block);
      const isSpaceForNul = at === SUM_FIELD + 7; // behind the number
      expect(hasChecksum(stretch, sumOfBytes(stretch.words, 0)), `byte ${at}`).toBe(isSpaceForNul);
    }
  });
});

describe('numbers', () => {
  test.each([
    ['0000644\0', 0o644],
    ['000644 \0', 0o644],
    ['   644 \0', 0o644],
    ['77777777', 0o77777777],
    ['\0\0\0\0\0\0\0\0', 0],
    ['       \0', 0],
    ['644\0junk', 0o644],
    ['\x80\0\0\0\0\0\0\x05', 5],
    ['\x80\x1f\xff\xff\xff\xff\xff\xff', Number.MAX_SAFE_INTEGER],
    ['\xff\xff\xff\xff\xff\xff\xff\xfe', -2],
  ])('%j', (text, number) => {
    const block = stretchOf(Buffer.from(text.padEnd(512, '\0'), 'latin1'));
    expect(decodeNumber(block, 0, 8)).toBe(number);
  });

  test.each([
    '        ',
    '0000648\0',
    '-000644\0',
    '0x00644\0',
    '000644x\0',
    '\x000644x',
    '\x80\x20\0\0\0\0\0\0',
    '\xff\0\0\0\0\0\0\0',
    '\x81\0\0\0\0\0\0\x05',
  ])('not %j', (text) => {
    const block = stretchOf(Buffer.from(text.padEnd(512, '\0'), 'latin1'));
    expect(() => decodeNumber(block, 0, 8)).toThrow(
      expect.objectContaining({ code: 'TAR_NUMBER', offset: 0 }),
    );
  });

  test('octal digits of any number that fits', () => {
    for (const value of [0, 1, 7, 8, 0o644, 0x7fffffff, 0x80000000, 0o77777777777]) {
      const block = Buffer.alloc(512, 0xee);
      encodeOctal(block, 0, 12, value);
      expect(block.toString('latin1', 0, 13)).toBe(`${value.toString(8).padStart(11, '0')}\0\xee`);
    }
  });
});

test('a header of v7 has no names of owners, whatever stands there', () => {
  const fields = { userName: 'junk', groupName: 'junk', prefix: 'junk' };
  const v7 = decodeHeader(stretchOf(header({ ...fields, name: 'n', magic: '\0'.repeat(8) })));
  expect(v7).toMatchObject({ name: 'n', userName: '', groupName: '' });
  const ustar = decodeHeader(stretchOf(header({ ...fields, name: 'n' })));
  expect(ustar).toMatchObject({ name: 'junk/n', userName: 'junk', groupName: 'junk' });
});

const id = fc.integer({ min: 0, max: MAX_OCTAL_ID });
const device = fc.option(fc.record({ major: id, minor: id }), { nil: undefined });
const fields: fc.Arbitrary<HeaderFields> = fc.record({
  path: fc.constantFrom('a', 'b/c', 'long/'.repeat(30)),
  isDirectory: fc.constant(false),
  folder: fc.constant(''),
  mode: fc.integer({ min: 0, max: 0o7777 }),
  uid: id,
  gid: id,
  size: fc.integer({ min: 0, max: MAX_OCTAL_SIZE }),
  mtime: fc.integer({ min: 0, max: MAX_OCTAL_TIME }),
  type: fc.constantFrom('0', '5', 'x'),
  linkName: fc.constantFrom('', 'target'),
  device,
});

test('a header is the same, whichever came before, and whatever was in its place', () => {
  fc.assert(
    fc.property(fc.array(fields, { minLength: 1, maxLength: 5 }), (headers) => {
      const encoder = new HeaderEncoder();
      for (const one of headers) {
        const bytes = Buffer.alloc(1024, 0xee);
        encoder.encode(bytes, 100, one);
        const { path, device, ...same } = one;
        const patch = device === undefined ? { 329: new Uint8Array(16) } : {};
        const expected = header({ ...same, ...device, name: `./${path}`.slice(0, 100), patch });
        expect(bytes.subarray(100, 612)).toEqual(expected);
        expect(bytes.subarray(612)).toEqual(Buffer.alloc(412, 0xee));
      }
    }),
  );
});
