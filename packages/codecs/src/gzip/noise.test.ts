import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { mixedBytes, randomBytes } from '../testing/bytes.js';
import { isNoise, storedBlocks } from './noise.js';

const NOTHING = new Uint8Array(0);
const noise = randomBytes(128 * 1024);

test('noise is what deflate does not make smaller', () => {
  expect(isNoise(noise, NOTHING)).toBe(true);
  expect(isNoise(noise, randomBytes(32 * 1024, 2))).toBe(true);
  expect(deflateRawSync(noise).length).toBeGreaterThan(noise.length);
});

test.each([
  ['zeros', Buffer.alloc(128 * 1024)],
  ['data like that of disks', mixedBytes(128 * 1024)],
  ['noise in letters', Buffer.from(noise.toString('base64').slice(0, 128 * 1024))],
  ['bytes in turn, each as often as any other', Buffer.from(noise.map((_, index) => index))],
  ['noise with a kilobyte of it again', Buffer.concat([noise.subarray(0, -1024), noise.subarray(0, 1024)])],
  ['noise with letters in between', noise.map((byte, index) => (index % 1000 < 20 ? 65 : byte))],
  ['too little to tell', noise.subarray(0, 1000)],
])('%s is no noise', (_, content) => {
  expect(isNoise(content, NOTHING)).toBe(false);
});

test('what came before is no noise', () => {
  expect(isNoise(noise, noise.subarray(0, 1024))).toBe(false);
});

test('stored blocks are deflate data of any length', () => {
  for (const length of [0, 1, 65_535, 65_536, 131_070, 131_071, 131_072]) {
    const content = noise.subarray(0, length);
    const data = Buffer.concat([storedBlocks(content), Uint8Array.of(3, 0)]);
    expect(inflateRawSync(data).equals(content)).toBe(true);
    expect(data.length).toBe(length + 5 * Math.ceil(length / 65_535) + 2);
  }
});
