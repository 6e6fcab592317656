import { expect, test } from 'vitest';
import { allZero, zeroChunks } from './memory.js';

test('one byte that is not zero is found wherever it stands, in bytes at odd addresses, too', () => {
  const bytes = new Uint8Array(513);
  for (const length of [0, 1, 2, 7, 511, 512]) {
    const part = bytes.subarray(1, 1 + length);
    expect(allZero(part), `${length} zeros`).toBe(true);
    for (let at = 0; at < length; at++) {
      part[at] = 1;
      expect(allZero(part), `${length} bytes, not zero at ${at}`).toBe(false);
      part[at] = 0;
    }
  }
});

test.each([0, 1, 256 * 1024, 256 * 1024 + 1, 1_000_000])('%i zeros come in chunks', (length) => {
  const chunks = [...zeroChunks(length)];
  expect(chunks.reduce((sum, chunk) => sum + chunk.length, 0)).toBe(length);
  expect(chunks.every(allZero)).toBe(true);
});
