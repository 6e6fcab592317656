import { createRequire } from 'node:module';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { mixedBytes, randomBytes, seededRandom } from '../testing/bytes.js';
import { Lzo1xError, lzo1x, lzo1xBound } from './lzo1x.js';

/** The LZO library, as the peer. */
const peer = createRequire(import.meta.url)('lzo') as {
  compress(input: Buffer): Buffer;
  decompress(input: Buffer, length: number): Buffer;
};

function compress(input: Uint8Array): Buffer {
  const output = new Uint8Array(lzo1xBound(input.length));
  return Buffer.from(output.subarray(0, lzo1x().compress(Uint8Array.from(input), output)));
}

function decompress(input: Uint8Array, length: number): Buffer {
  const output = new Uint8Array(length);
  return Buffer.from(output.subarray(0, lzo1x().decompress(input, output)));
}

/** Repetitions of all distances and lengths among noise. */
const repetitive = fc
  .array(fc.tuple(fc.uint8Array({ maxLength: 300 }), fc.nat(30_000), fc.nat(3000)), { maxLength: 40 })
  .map((parts) => {
    const bytes = Buffer.alloc(parts.reduce((sum, [noise, , length]) => sum + noise.length + length, 0));
    let at = 0;
    for (const [noise, distance, length] of parts) {
      bytes.set(noise, at);
      at += noise.length;
      for (let count = 0; count < length; count++, at++) bytes[at] = bytes[Math.max(0, at - distance - 1)]!;
    }
    return bytes;
  });

test('the bytes are those of the LZO library, and come back', () => {
  fc.assert(
    fc.property(repetitive, (input) => {
      const compressed = compress(input);
      expect(compressed.equals(peer.compress(input))).toBe(true);
      expect(decompress(compressed, input.length).equals(input)).toBe(true);
    }),
    { numRuns: 300 },
  );
});

test('every length from 0 on, and a whole block', () => {
  const noise = randomBytes(600);
  const text = mixedBytes(600);
  for (let length = 0; length < 600; length++) {
    for (const bytes of [noise.subarray(0, length), text.subarray(0, length), Buffer.alloc(length, 'a')]) {
      const compressed = compress(bytes);
      if (length > 0) expect(compressed.equals(peer.compress(bytes))).toBe(true);
      expect(decompress(compressed, length).equals(bytes)).toBe(true);
    }
  }
  const block = mixedBytes(256 * 1024);
  expect(compress(block).equals(peer.compress(block))).toBe(true);
});

test('damage makes an error or another content, as it does for the LZO library, and nothing else', () => {
  const random = seededRandom(5);
  let refused = 0;
  for (let round = 0; round < 20_000; round++) {
    const content = mixedBytes(1 + Math.floor(random() * 400), round % 50);
    const damaged = compress(content);
    for (let flips = 1 + Math.floor(random() * 3); flips > 0; flips--) {
      damaged[Math.floor(random() * damaged.length)] = Math.floor(random() * 256);
    }
    const length = Math.floor(random() * 800);
    const ours = attempt(() => decompress(damaged, length));
    const theirs = attempt(() => peer.decompress(damaged, length || 1));
    if (ours === undefined) refused++;
    else if (length > 0 && theirs !== undefined) expect(ours.equals(theirs)).toBe(true);
    if (length > 0) expect(ours === undefined).toBe(theirs === undefined);
  }
  expect(refused).toBeGreaterThan(1000);
});

test('noise is no compressed block', () => {
  const random = seededRandom(6);
  for (let round = 0; round < 20_000; round++) {
    const noise = randomBytes(Math.floor(random() * 40), round);
    attempt(() => decompress(noise, 5000));
  }
  for (const bytes of [
    '',
    '11',
    '110000',
    '00',
    '000000000000',
    '11000000',
    '12',
    '2000',
    'ff',
    '1fffffff',
  ]) {
    const result = attempt(() => decompress(Buffer.from(bytes, 'hex'), 100));
    expect(result?.length).toBe(bytes === '110000' ? 0 : undefined);
  }
});

test('Adler-32 of RFC 1950, also in parts', () => {
  const adler32 = (bytes: Uint8Array, previous?: number) => lzo1x().adler32(bytes, previous);
  expect(adler32(Buffer.from('Wikipedia'))).toBe(0x11e60398);
  const bytes = Buffer.alloc(100_000, 0xff);
  expect(adler32(bytes.subarray(1234), adler32(bytes.subarray(0, 1234)))).toBe(adler32(bytes));
  let [low, high] = [1, 0];
  for (const byte of bytes) {
    low = (low + byte) % 65521;
    high = (high + low) % 65521;
  }
  expect(adler32(bytes)).toBe(high * 65536 + low);
});

function attempt(decompression: () => Buffer): Buffer | undefined {
  try {
    return decompression();
  } catch (error) {
    if (error instanceof Lzo1xError || (error as Error).message.startsWith('Decompression failed')) {
      return undefined;
    }
    throw error;
  }
}
