import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Coverage } from './replies.js';

test('agrees with a list of bytes, in whatever order the parts come', () => {
  const part = fc.record({ start: fc.integer({ min: 6, max: 42 }), length: fc.integer({ min: 0, max: 12 }) });
  fc.assert(
    fc.property(fc.array(part, { maxLength: 40 }), (parts) => {
      const coverage = new Coverage(8, 40);
      const bytes = new Set<number>();
      for (const { start, length } of parts) {
        const wanted = Array.from({ length }, (_, index) => start + index);
        const fits = length > 0 && wanted.every((byte) => byte >= 8 && byte < 40 && !bytes.has(byte));
        expect(coverage.add(start, start + length)).toBe(fits);
        if (fits) for (const byte of wanted) bytes.add(byte);
        expect(coverage.complete).toBe(bytes.size === 32);
      }
    }),
  );
});

test('is complete when the last gap is closed, from either side or both', () => {
  const coverage = new Coverage(0, 30);
  expect([coverage.add(20, 30), coverage.add(0, 10), coverage.complete]).toEqual([true, true, false]);
  expect([coverage.add(10, 20), coverage.complete]).toEqual([true, true]);
});
