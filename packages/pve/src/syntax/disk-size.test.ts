import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatSize, parseSize } from './disk-size.js';

test.each([
  ['32G', 34359738368],
  ['528K', 540672],
  ['4M', 4194304],
  ['4194304', 4194304],
  ['1.5T', 1649267441664],
  ['0.1K', 102],
  ['0T', 0],
  ['8191T', 9006099743113216],
])('%s', (text, bytes) => {
  expect(parseSize(text)).toBe(bytes);
});

test.each(['', 'G', '-1G', '1g', '1 G', '1GB', '1P', '.5G', '1.G', '1e3', '8192T', '9'.repeat(20), '1G\n'])(
  '%j is none',
  (text) => {
    expect(parseSize(text)).toBeUndefined();
  },
);

test.each([
  [34359738368, '32G'],
  [540672, '528K'],
  [4194304, '4M'],
  [1023, '1023'],
  [1025, '1025'],
  [1536 * 1024 ** 3, '1536G'],
  [2 ** 50, '1024T'],
  [0, '0T'],
])('%d → %s', (bytes, text) => {
  expect(formatSize(bytes)).toBe(text);
});

test('what is written is read back', () => {
  const blocks = fc.nat(1 << 20).map((count) => count * 2 ** 30);
  fc.assert(
    fc.property(fc.oneof(fc.maxSafeNat(), blocks), (bytes) => {
      expect(parseSize(formatSize(bytes))).toBe(bytes);
    }),
  );
});
