import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bytesToPath, printableName } from './path-text.js';

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
