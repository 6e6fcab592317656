import { constants, deflateRawSync, inflateRawSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { mixedBytes } from '../testing/bytes.js';
import { emptyBlocks, fromBit } from './deflate-blocks.js';

test.each([0, 1, 2, 3, 4, 5, 6, 7])(
  'blocks that end %i bits into a byte, and decompress to nothing',
  (phase) => {
    const bits = emptyBlocks(phase);
    expect(bits.length % 8).toBe(phase);
    const bytes = Buffer.from(
      bits.match(/.{1,8}/g)?.map((byte) => Number.parseInt([...byte].reverse().join(''), 2)) ?? [],
    );
    const empty = { finishFlush: constants.Z_SYNC_FLUSH };
    expect(inflateRawSync(bytes, empty).length).toBe(0);
  },
);

test.each([1, 2, 3, 4, 5, 6, 7])('data that begins with the last %i bits of a byte', (bitsLeft) => {
  const content = mixedBytes(20_000);
  const deflated = deflateRawSync(content);
  const shifted = Buffer.alloc(deflated.length + 1);
  const phase = 8 - bitsLeft;
  for (const [at, byte] of deflated.entries()) {
    shifted[at]! |= (byte << phase) & 0xff;
    shifted[at + 1] = byte >> (8 - phase);
  }
  shifted[0]! |= (1 << phase) - 1; // the end of another block
  expect(inflateRawSync(fromBit(shifted, bitsLeft)).equals(content)).toBe(true);
});
