import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decodeDecimal,
  decodePaxRecords,
  decodeTime,
  encodeMtime,
  encodePaxRecord,
  encodeTime,
  LONGEST_MTIME,
  splitTime,
} from './pax.js';

function decoded(bytes: Buffer): [string, string][] {
  const records: [string, string][] = [];
  decodePaxRecords(bytes, 0, bytes.length, 0, (keyword, start, end) => {
    records.push([keyword, bytes.toString('latin1', start, end)]);
  });
  return records;
}

describe('records', () => {
  test('of every length about the ones where the length itself gets a digit more', () => {
    for (const size of [
      0, 1, 2, 3, 4, 5, 88, 89, 90, 91, 92, 93, 94, 95, 96, 985, 986, 987, 988, 989, 990, 991, 992, 9985,
      99985,
    ]) {
      const value = 'v'.repeat(size);
      const record = Buffer.from(encodePaxRecord('key', value));
      expect(Number(record.toString().split(' ')[0])).toBe(record.length);
      expect(decoded(record)).toEqual([['key', value]]);
    }
  });

  test('any keywords and values come back', () => {
    const pair = fc.tuple(
      fc.string({ minLength: 1, maxLength: 10 }).map((key) => key.replaceAll('=', '_')),
      fc.uint8Array({ maxLength: 300 }),
    );
    fc.assert(
      fc.property(fc.array(pair, { maxLength: 5 }), (pairs) => {
        const bytes = Buffer.concat(pairs.map(([key, value]) => Buffer.from(encodePaxRecord(key, value))));
        expect(decoded(bytes)).toEqual(
          pairs.map(([key, value]) => [key, Buffer.from(value).toString('latin1')]),
        );
      }),
    );
  });

  test('what lies behind the end of the header is no part of a record', () => {
    const bytes = Buffer.from('12 path=abc\n');
    const decode = () => decodePaxRecords(bytes, 0, bytes.length - 1, 0, () => {});
    expect(decode).toThrow(/ends past the end of its header/);
  });

  test('an error tells where in the archive the record begins', () => {
    const bytes = Buffer.from('....12 path=abc\n9 mtim=\n');
    expect(() => decodePaxRecords(bytes, 4, bytes.length - 4, 1000, () => {})).toThrow(
      expect.objectContaining({ code: 'TAR_PAX_RECORD', offset: 1012 }),
    );
  });
});

describe('times', () => {
  test.each([
    ['0', 0n],
    ['5', 5_000_000_000n],
    ['5.', 5_000_000_000n],
    ['1.5', 1_500_000_000n],
    ['1.000000001', 1_000_000_001n],
    ['1.1234567899', 1_123_456_789n],
    ['-5', -5_000_000_000n],
    ['-5.25', -5_250_000_000n],
    ['-1.9999999999', -2_000_000_000n],
    ['-1.9999999990', -1_999_999_999n],
    ['-0.5', -500_000_000n],
    ['9007199254740991', 9_007_199_254_740_991_000_000_000n],
  ])('%s', (text, time) => {
    const bytes = Buffer.from(`x${text}x`);
    expect(decodeTime(bytes, 1, bytes.length - 1)).toBe(time);
  });

  test.each(['', '-', '.5', '-.5', '1e3', ' 5', '+5', '5 ', '5.x', '5.5.5', '9007199254740992', '0x5'])(
    'not %j',
    (text) => {
      expect(decodeTime(Buffer.from(text), 0, text.length)).toBeUndefined();
    },
  );

  test('any time comes back', () => {
    const most = 2n ** 53n * 1_000_000_000n - 1n;
    fc.assert(
      fc.property(
        fc.oneof(fc.bigInt({ min: -most, max: most }), fc.bigInt({ min: -(10n ** 12n), max: 10n ** 12n })),
        (time) => {
          const text = encodeTime(time);
          expect(text).toMatch(/^-?(0|[1-9]\d*)(\.\d{0,8}[1-9])?$/);
          expect(decodeTime(Buffer.from(text), 0, text.length)).toBe(time);
        },
      ),
    );
  });

  test('the record of one is the same, made as text or as bytes', () => {
    const bytes = Buffer.alloc(LONGEST_MTIME + 1, 0xee);
    const most = 2n ** 53n * 1_000_000_000n - 1n;
    const check = (time: bigint) => {
      const { seconds, nanoseconds } = splitTime(time);
      const length = encodeMtime(bytes, seconds, nanoseconds);
      expect(bytes.toString('latin1', 0, length)).toBe(encodePaxRecord('mtime', encodeTime(time)));
    };
    for (const time of [0n, 1n, 9_000_000_000n, 10_000_000_000n, 123_400_000_000n, most]) check(time);
    fc.assert(fc.property(fc.bigInt({ min: 0n, max: most }), check));
    expect(bytes[LONGEST_MTIME]).toBe(0xee);
  });
});

test.each([
  ['0', 0],
  ['007', 7],
  ['9007199254740991', 2 ** 53 - 1],
  ['9007199254740992', undefined],
  ['', undefined],
  ['-1', undefined],
  ['1.5', undefined],
  ['1 ', undefined],
  ['9'.repeat(1000), undefined],
])('the number %s is %s', (text, number) => {
  expect(decodeDecimal(Buffer.from(text), 0, text.length, Number.MAX_SAFE_INTEGER)).toBe(number);
});
