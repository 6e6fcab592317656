import { collect, overwriting, seededRandom, testWith } from '@vzdump-format/testing';
import { beforeAll, describe, expect, test } from 'vitest';
import xxhash from 'xxhash-wasm';
import { mixedBytes, randomBytes } from '../../testing/bytes.js';
import { runTool } from '../../testing/tools.js';
import { PieceReader } from '../decompress.js';
import { FrameWalker } from '../frames.js';
import { zstd } from '../zstd.js';
import { type Hash, PlainDecoder } from './decoder.js';

let newHash: () => Hash;
beforeAll(async () => {
  newHash = (await xxhash()).create64;
});

/** Decompresses every frame with it, those that another engine would take whole, too. */
async function decode(bytes: Uint8Array, windowLog = 27): Promise<Buffer> {
  const walker = new FrameWalker(overwriting(bytes, 65536), windowLog);
  const reader = new PieceReader(walker);
  const decoder = new PlainDecoder(newHash);
  const parts: Buffer[] = [];
  for (let frame = await walker.next(); frame !== undefined; frame = await walker.next()) {
    for await (const { piece } of reader.pieces(frame)) {
      parts.push(Buffer.from(piece.output.slice(0, decoder.decode(piece))));
    }
  }
  return Buffer.concat(parts);
}

const plain = mixedBytes(800_000);
const CONTENTS: [string, Uint8Array][] = [
  ['a disk', plain],
  ['nothing', Buffer.alloc(0)],
  ['a byte', Buffer.from('x')],
  ['zeros', Buffer.alloc(1_200_000)],
  ['noise', randomBytes(200_000)],
  ['few symbols', randomBytes(200_000).map((byte) => byte & 3)],
  ['text', Buffer.from(Array.from({ length: 30_000 }, (_, index) => `line ${index * 7919}\n`).join(''))],
];

describe.each(CONTENTS)('%s', (_, content) => {
  test('is decompressed as it was, at every level, whatever the window', async () => {
    const levels = [1, 3, 5, 9, 13, 17, 19].map((level) => ({ level, seekable: false }));
    const windows = [10, 11, 17, 27].map((windowLog) => ({ windowLog }));
    for (const options of [...levels, ...windows, { frameSize: 100_000 }]) {
      const compressed = await collect(zstd.compress(options)(overwriting(content, 'random')));
      expect((await decode(compressed)).equals(content)).toBe(true);
    }
  });

  testWith(['zstd'], 'zstd: what it makes of a pipe', async () => {
    for (const options of [
      ['-1'],
      ['--fast=5'],
      ['-9', '--no-check'],
      ['--long=31', '-T2'],
      ['--ultra', '-22'],
    ]) {
      const compressed = await runTool('zstd', ['-c', ...options], content);
      expect((await decode(compressed, 31)).equals(content)).toBe(true);
    }
  });
});

test('damage is refused, or makes what it makes of it elsewhere', async () => {
  const random = seededRandom(11);
  const refusals = { ours: 0, theirs: 0 };
  for (const options of [['-3'], ['-19'], ['-1']]) {
    const compressed = await runTool(
      'zstd',
      ['-c', '--no-check', ...options],
      mixedBytes(60_000, options.length),
    );
    for (let round = 0; round < 150; round++) {
      const damaged = Buffer.from(compressed);
      damaged[6 + random(damaged.length - 6)]! ^= 1 << random(8);
      const ours = await decode(damaged).catch(() => undefined);
      const theirs = await collect(zstd.decompress({ engine: 'libzstd' })(overwriting(damaged, 65536))).catch(
        () => undefined,
      );
      if (ours === undefined) refusals.ours++;
      if (theirs === undefined) refusals.theirs++;
      // Of what is not checked, either may be the stricter.
      if (ours !== undefined && theirs !== undefined) expect(ours.equals(theirs)).toBe(true);
    }
  }
  expect(refusals.ours).toBeGreaterThan(50);
  expect(Math.abs(refusals.ours - refusals.theirs)).toBeLessThan(20);
});

test('a wrong checksum is found', async () => {
  const compressed = await collect(zstd.compress({ seekable: false })(overwriting(plain, 'random')));
  compressed[compressed.length - 1]! ^= 1;
  await expect(decode(compressed)).rejects.toThrow("doesn't match checksum");
});
