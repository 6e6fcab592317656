import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeDevice, encodeDevice } from './file-status.js';

test.each([
  [1, 3, 0x103],
  [8, 255, 0x8ff],
  [8, 256, 0x10_0800],
  [4095, 0xfffff, 0xffff_ffff],
])('%i:%i is %i', (major, minor, number) => {
  expect(encodeDevice({ major, minor })).toBe(number);
});

test('every number stands for one device', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 0xffff_ffff }), (number) => {
      expect(encodeDevice(decodeDevice(number))).toBe(number);
    }),
  );
});
