import { seededRandom } from '@vzdump-format/testing';
import fc from 'fast-check';
import type { LibraryHandle } from 'koffi';
import { expect, test } from 'vitest';
import { mixedBytes, randomBytes } from '../testing/bytes.js';
import { testWithLibrary } from '../testing/tools.js';
import { Lzo1xError, lzo1x, lzo1xBound } from './lzo1x.js';

/** The LZO library, which comes with lzop, as the peer. */
const LIBRARY = 'liblzo2.so.2';

function bindPeer(library: LibraryHandle) {
  const workMemory = Buffer.alloc(16384 * 8);
  const parameters = '(const void *, size_t, void *, _Inout_ size_t *, void *)';
  const compress1x = library.func(`int lzo1x_1_compress${parameters}`);
  const decompress1x = library.func(`int lzo1x_decompress_safe${parameters}`);
  const run = (call: typeof compress1x, input: Uint8Array, room: number): Buffer => {
    const output = Buffer.alloc(room);
    const length = [room];
    if (call(input, input.length, output, length, workMemory) !== 0) throw new Lzo1xError('as it says');
    return output.subarray(0, length[0]);
  };
  return {
    compress: (input: Uint8Array) => run(compress1x, input, lzo1xBound(input.length)),
    decompress: (input: Uint8Array, length: number) => run(decompress1x, input, length),
  };
}

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

testWithLibrary(LIBRARY, 'the bytes are the same, and come back', async (library) => {
  const peer = bindPeer(library);
  fc.assert(
    fc.property(repetitive, (input) => {
      const compressed = compress(input);
      expect(compressed.equals(peer.compress(input))).toBe(true);
      expect(decompress(compressed, input.length).equals(input)).toBe(true);
    }),
    { numRuns: 300 },
  );
});

testWithLibrary(LIBRARY, 'every length from 0 on, and a whole block', async (library) => {
  const peer = bindPeer(library);
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

testWithLibrary(
  LIBRARY,
  'damage makes an error or another content there, too, and nothing else',
  async (library) => {
    const peer = bindPeer(library);
    const random = seededRandom(5);
    let refused = 0;
    for (let round = 0; round < 20_000; round++) {
      const content = mixedBytes(1 + random(400), round % 50);
      const damaged = compress(content);
      for (let flips = 1 + random(3); flips > 0; flips--) {
        damaged[random(damaged.length)] = random(256);
      }
      const length = random(800);
      const ours = attempt(() => decompress(damaged, length));
      const theirs = attempt(() => peer.decompress(damaged, length || 1));
      if (ours === undefined) refused++;
      else if (length > 0 && theirs !== undefined) expect(ours.equals(theirs)).toBe(true);
      if (length > 0) expect(ours === undefined).toBe(theirs === undefined);
    }
    expect(refused).toBeGreaterThan(1000);
  },
);

test('noise is no compressed block', () => {
  const random = seededRandom(6);
  for (let round = 0; round < 20_000; round++) {
    const noise = randomBytes(random(40), round);
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
    if (error instanceof Lzo1xError) return undefined;
    throw error;
  }
}
