import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bytesToPath, hasEscapedBytes, pathToBytes, printableName } from './path-text.js';

/** Bytes among which the parts of UTF-8 sequences, whole and broken, are frequent. */
const sequences = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        [0xc3, 0xa9], // é
        [0xf0, 0x9f, 0x92, 0x80], // U+1F480, whose second half in UTF-16 is U+DC80
        [0xed, 0xa0, 0x80], // U+D800 as CESU-8 writes it
        [0xed, 0xb2, 0x80], // U+DC80, likewise
        [0xed, 0xb3, 0xbf], // U+DCFF, likewise
        [0xc0, 0x80], // NUL, overlong
        [0xe0, 0x80, 0xaf], // a slash, overlong
        [0xf0, 0x8f, 0xbf, 0xbf], // U+FFFF, overlong
        [0xf4, 0x90, 0x80, 0x80], // past U+10FFFF
        [0xef, 0xbb, 0xbf], // a byte order mark
        [0xef, 0xbf, 0xbd], // U+FFFD itself
        [0xf0, 0x9f, 0x92], // cut short
        [0xe2, 0x82],
        [0xc3],
      ),
      fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 4 }),
    ),
    { maxLength: 12 },
  )
  .map((parts) => Uint8Array.from(parts.flat()));

/** Strings as `bytesToPath` gives them: any text, with U+DC80..U+DCFF among it. */
function isWellFormedButEscapes(text: string): boolean {
  const others = text.replace(/[\uDC80-\uDCFF]/gu, '');
  return Buffer.from(others).toString() === others;
}

describe('any bytes', () => {
  test('come back', () => {
    fc.assert(
      fc.property(fc.oneof(sequences, fc.uint8Array({ maxLength: 64 })), (bytes) => {
        expect([...pathToBytes(bytesToPath(bytes))]).toEqual([...bytes]);
      }),
      { numRuns: 5000 },
    );
  });

  test('become text with nothing odd in it but the escapes', () => {
    fc.assert(
      fc.property(sequences, (bytes) => isWellFormedButEscapes(bytesToPath(bytes))),
      { numRuns: 2000 },
    );
  });

  test('that differ become different paths', () => {
    fc.assert(
      fc.property(sequences, sequences, (one, other) => {
        fc.pre(Buffer.compare(one, other) !== 0);
        expect(bytesToPath(one)).not.toBe(bytesToPath(other));
      }),
      { numRuns: 2000 },
    );
  });
});

test('any text comes back', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 50 }), (text) => {
      expect(bytesToPath(pathToBytes(text))).toBe(text);
    }),
  );
});

test.each([
  [[0x61, 0x80, 0x62], 'a\udc80b'],
  [[0xff], '\udcff'],
  [[0xed, 0xb2, 0x80], '\udced\udcb2\udc80'],
  [[0xed, 0x9f, 0xbf], '\ud7ff'],
  [[0xee, 0x80, 0x80], '\ue000'],
  [[0xf0, 0x9f, 0x92, 0x80, 0x80], '\u{1f480}\udc80'],
  [[0xe2, 0x82, 0xac, 0xe2, 0x82], '€\udce2\udc82'],
  [[0xf0, 0x8f, 0xbf, 0xbf], '\udcf0\udc8f\udcbf\udcbf'],
  [[0xf0, 0x9f, 0x41], '\udcf0\udc9fA'],
  [[0xef, 0xbb, 0xbf, 0x61], '\ufeffa'],
  [[], ''],
])('bytes %j are read as Python reads them', (bytes, path) => {
  expect(bytesToPath(Uint8Array.from(bytes))).toBe(path);
  expect([...pathToBytes(path)]).toEqual(bytes);
});

test.each([
  ['plain', false],
  ['é \u{1f480} \u{10fcff}', false],
  ['a\udc80', true],
  ['\u{1f480}\udc80', true],
  ['\udcff/x', true],
])('%j holds escaped bytes: %s', (path, expected) => {
  expect(hasEscapedBytes(path)).toBe(expected);
});

test('the time it takes grows with the length alone', () => {
  const bytes = Buffer.alloc(4 << 20, Buffer.from([0x80, 0xe0, 0xf0, 0x9f]));
  expect(bytesToPath(bytes)).toHaveLength(bytes.length);
});

describe('a printable name', () => {
  test.each([
    ['drive-scsi0', 'drive-scsi0'],
    ['Größe €.conf \u{1f480}', 'Größe €.conf \u{1f480}'],
    ['', ''],
    ['a\nb\tc\0', 'a\\x0ab\\x09c\\x00'],
    ['\u001b[2J\u009b31m', '\\x1b[2J\\x9b31m'],
    ['a\udc80\udcff', 'a\\x80\\xff'],
    ['fdp.\u202egnp.exe', 'fdp.\\u{202e}gnp.exe'],
    ['a\u2028b', 'a\\u{2028}b'],
    ['\u{e0041}', '\\u{e0041}'],
    ['x'.repeat(120), 'x'.repeat(120)],
    ['x'.repeat(121), `${'x'.repeat(120)}…`],
    [`${'x'.repeat(119)}\u{1f480}`, `${'x'.repeat(119)}\\u{d83d}…`],
  ])('%j is shown as %j', (name, shown) => {
    expect(printableName(name)).toBe(shown);
  });

  test('whatever the bytes, it is one short line without control characters', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const shown = printableName(bytesToPath(bytes));
        expect(shown).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
        expect(shown.length).toBeLessThanOrEqual(120 * 9 + 1);
      }),
    );
  });
});
