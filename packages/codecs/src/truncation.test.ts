import { ByteReader } from '@vzdump-format/streams';
import { overwriting, testWith } from '@vzdump-format/testing';
import { expect, test } from 'vitest';
import { BlockFinder } from './gzip/block-finder.js';
import { FIXED_HEADER_SIZE, TRAILER_SIZE } from './gzip/format.js';
import { readBlocks } from './lzo/batches.js';
import { codec } from './registry.js';
import { collect, mixedBytes, randomBytes } from './testing/bytes.js';
import { runTool } from './testing/tools.js';
import { FrameWalker } from './zstd/frames.js';

const plain = Buffer.concat([mixedBytes(500_000), randomBytes(300_000), mixedBytes(400_000, 2)]);

/** Where each block's header begins, and where its data does. */
type Boundaries = (file: Buffer) => Promise<number[]>;

const lzopBlocks: Boundaries = async (file) => {
  const found: number[] = [];
  for await (const { offset, size, length } of readBlocks(new ByteReader(overwriting(file, 65536)))) {
    found.push(offset, offset + size - length);
  }
  return found;
};

const deflateBlocks: Boundaries = async (file) => {
  const finder = new BlockFinder();
  const end = file.length - TRAILER_SIZE;
  finder.input = file.subarray(FIXED_HEADER_SIZE, end);
  const found = new Set([FIXED_HEADER_SIZE, end, end + 4]);
  while (!finder.ended) {
    finder.step();
    if (finder.atBlock) found.add(end - finder.inputLeft);
  }
  return [...found];
};

const zstdBlocks: Boundaries = async (file) => {
  const walker = new FrameWalker(overwriting(file, 65536));
  const found: number[] = [];
  for (let frame = await walker.next(); frame !== undefined; frame = await walker.next()) {
    found.push(frame.offset, frame.offset + frame.bytes.length);
    const oneByOne = () => ({ blocks: 1, bytes: Number.POSITIVE_INFINITY });
    for await (const { offset, blocks } of walker.parts(frame.header, oneByOne))
      if (blocks > 0) found.push(offset);
    found.push(walker.reader.offset);
  }
  return found;
};

/** Blocks begin at any bit: they are found by their magic number. */
const bzip2Blocks: Boundaries = async (file) => {
  const found: number[] = [];
  const magic = 0x314159265359;
  for (let at = 0; at + 7 <= file.length; at++) {
    for (let bit = 0; bit < 8; bit++) {
      const bits = (BigInt(file.readUIntBE(at, 6)) << 8n) | BigInt(file[at + 6]!);
      if (Number((bits >> BigInt(8 - bit)) & 0xffff_ffff_ffffn) === magic) found.push(at);
    }
  }
  return found;
};

/** What comes out of a file, and the error that it ends with, if it does. */
async function decompressed(name: string, file: Buffer): Promise<{ content: Buffer; error: unknown }> {
  const parts: Uint8Array[] = [];
  const reading = async () => {
    for await (const part of codec(name).decompress()(overwriting(file, 50_000))) parts.push(part);
  };
  const error = await reading().catch((reason: unknown) => reason);
  return { content: Buffer.concat(parts), error };
}

/**
 * Cuts a file off at each boundary, and a byte before and behind. @returns the cuts that leave a whole file.
 */
async function wholeCuts(
  name: string,
  file: Buffer,
  boundaries: Boundaries,
  atLeast: number,
): Promise<number[]> {
  const found = await boundaries(file);
  expect(found.length).toBeGreaterThanOrEqual(atLeast);
  const cuts = new Set(found.flatMap((at) => [at - 1, at, at + 1]));
  const wholes: number[] = [];
  for (const cut of [...cuts].filter((at) => at >= 0 && at < file.length)) {
    const { content, error } = await decompressed(name, file.subarray(0, cut));
    expect(content.equals(plain.subarray(0, content.length))).toBe(true); // never a wrong byte
    if (error === undefined) wholes.push(cut);
    else
      expect(error).toMatchObject({ code: expect.stringMatching(/_TRUNCATED$/), offset: expect.any(Number) });
  }
  return wholes;
}

test.each([
  ['lzo', {}, lzopBlocks, 10],
  ['gzip', {}, deflateBlocks, 10],
  ['gzip', { rsyncable: true }, deflateBlocks, 20],
  ['pigz', {}, deflateBlocks, 20],
  ['zstd', { seekable: false }, zstdBlocks, 10],
] as const)('%s, cut off at each block: %o', async (name, options, boundaries, atLeast) => {
  const file = await collect(codec(name).compress(options)(overwriting(plain, 65536)));
  expect(await wholeCuts(name, file, boundaries, atLeast)).toEqual([]);
});

test('zstd in frames, cut off at each: what ends with a frame is whole to a reader of streams', async () => {
  const file = await collect(codec('zstd').compress({ frameSize: 300_000 })(overwriting(plain, 65536)));
  const walker = new FrameWalker(overwriting(file, 65536));
  const ends: number[] = [];
  for (let frame = await walker.next(); frame !== undefined; frame = await walker.next()) {
    for await (const part of walker.parts(frame.header)) void part;
    ends.push(walker.reader.offset);
  }
  expect(ends).toHaveLength(4);
  expect(await wholeCuts('zstd', file, zstdBlocks, 20)).toEqual(ends);
});

test('what is whole before a cut comes out: frames, and blocks', async () => {
  const frames = await collect(codec('zstd').compress({ frameSize: 200_000 })(overwriting(plain, 65536)));
  const cuts = (await zstdBlocks(frames)).filter((at) => at < frames.length - 200);
  const lastBlock = frames.subarray(0, cuts.at(-1)! + 10);
  expect((await decompressed('zstd', lastBlock)).content).toHaveLength(1_000_000);
  const blocks = await collect(codec('lzo').compress()(overwriting(plain, 65536)));
  expect((await decompressed('lzo', blocks.subarray(0, -5))).content).toHaveLength(4 * 256 * 1024);
});

testWith(['bzip2'], 'bzip2: cut off at each block', async () => {
  const file = await runTool('bzip2', ['-c', '-3'], plain);
  expect(await wholeCuts('bzip2', file, bzip2Blocks, 4)).toEqual([]);
});
