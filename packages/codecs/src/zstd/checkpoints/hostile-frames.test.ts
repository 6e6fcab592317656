import { BufferSource } from '@vzdump-format/streams';
import { collect, overwriting, seededRandom } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import xxhash from 'xxhash-wasm';
import { randomBytes } from '../../testing/bytes.js';
import { expectAllSpans } from '../../testing/spans.js';
import { runTool } from '../../testing/tools.js';
import {
  bitStream,
  compressedBlock,
  copyBlock,
  handMadeFrame,
  rawBlock,
  runBlock,
} from '../../testing/zstd-frames.js';
import { MAX_BLOCK_SIZE } from '../format.js';
import { zstd } from '../zstd.js';
import { SequenceParser } from './parser.js';
import { proveContent } from './prove-content.js';

const SPAN = 256 << 10;
const OPTIONS = { span: SPAN };
const build = (file: Uint8Array) => collect(zstd.buildIndex(new BufferSource(file), OPTIONS));
const times = (count: number, block: Buffer) => Array<Buffer>(count).fill(block);
const EMPTY = rawBlock(Buffer.alloc(0));
const noise = randomBytes(MAX_BLOCK_SIZE);

describe('frames that no encoder writes', () => {
  test('a checkpoint behind fewer bytes than the offsets that could be repeated', async () => {
    const blocks = [rawBlock(noise.subarray(0, 5)), ...times(80_000, EMPTY), ...times(4, rawBlock(noise))];
    const expected = Buffer.concat([noise.subarray(0, 5), ...Array<Buffer>(4).fill(noise)]);
    const [first] = await expectAllSpans(handMadeFrame(blocks), expected, OPTIONS);
    expect(first).toMatchObject({ contentSize: 5 });
  });

  test('empty blocks at the beginning, in between, and at the end', async () => {
    const some = [
      EMPTY,
      rawBlock(noise),
      runBlock(7, 0),
      runBlock(7, 1000),
      compressedBlock(Buffer.alloc(2)),
    ];
    const blocks = [...times(5, Buffer.concat(some)), EMPTY];
    const content = Buffer.concat(Array<Buffer>(5).fill(Buffer.concat([noise, Buffer.alloc(1000, 7)])));
    expect((await expectAllSpans(handMadeFrame(blocks), content, OPTIONS)).length).toBeGreaterThan(1);
  });

  test('blocks as they are and runs only, in a window that is smaller than a block', async () => {
    const blocks = times(3000, Buffer.concat([rawBlock(noise.subarray(0, 1024)), runBlock(1, 1000)]));
    const part = Buffer.concat([noise.subarray(0, 1024), Buffer.alloc(1000, 1)]);
    const file = handMadeFrame([...blocks, EMPTY], { windowExponent: 0 });
    await expectAllSpans(file, Buffer.concat(Array<Buffer>(3000).fill(part)), OPTIONS);
  });

  test('many tiny frames, which tell their size or do not, among empty ones', async () => {
    const frames = [handMadeFrame([rawBlock(noise.subarray(0, 9))]), handMadeFrame([EMPTY])];
    frames.push(handMadeFrame([rawBlock(noise.subarray(9, 12))], { contentSize: 3 }));
    frames.push(handMadeFrame([EMPTY], { contentSize: 0 }));
    const file = Buffer.concat(Array<Buffer>(500).fill(Buffer.concat(frames)));
    const expected = Buffer.concat(Array<Buffer>(500).fill(noise.subarray(0, 12)));
    await expectAllSpans(file, expected, OPTIONS);
  });

  test.each([
    ['more', 3 * MAX_BLOCK_SIZE - 1],
    ['less', 5 * MAX_BLOCK_SIZE],
    ['far less', 2 ** 52],
  ])('%s content than the header says', async (_, contentSize) => {
    const file = handMadeFrame(times(4, rawBlock(noise)), { contentSize });
    await expect(build(file)).rejects.toMatchObject({ code: 'ZSTD_FRAME' });
  });

  test('a block that is larger than the window', async () => {
    for (const block of [rawBlock(noise), runBlock(0, 2000), compressedBlock(noise.subarray(0, 1025))]) {
      const file = handMadeFrame([EMPTY, block], { windowExponent: 0 });
      await expect(build(file)).rejects.toMatchObject({ code: 'ZSTD_FRAME', offset: 9 });
    }
  });

  test('nothing but empty blocks for 64 MiB is refused', async () => {
    const file = handMadeFrame([rawBlock(noise), ...times(64, Buffer.concat(times(1 << 20, EMPTY)))]);
    await expect(build(file)).rejects.toMatchObject({
      code: 'NOT_SEEKABLE',
      message: expect.stringContaining('has no content'),
    });
  });
});

/**
 * A block with sequences of one code each: a match of three, each at the offset before, and a literal
 * between.
 */
function denseBlock(modes: readonly number[], start: Buffer): Buffer {
  const count = 30_000;
  const literals = Buffer.from([0x01 | (3 << 2) | ((count & 15) << 4), (count >> 4) & 255, count >> 12, 0]);
  const counts = Buffer.from([(count >> 8) + 128, count & 255]);
  return compressedBlock(Buffer.concat([literals, counts, Buffer.from(modes), start]));
}

test('what refers back where no checkpoint can lie is not taken down all along', async () => {
  const offset = 130_000;
  const first = copyBlock(offset, 'one code');
  const blocks = [rawBlock(noise), rawBlock(noise), first];
  blocks.push(denseBlock([0x54, 1, 0, 0], bitStream()), ...times(600, denseBlock([0xfc], bitStream())));
  const memories: WebAssembly.Memory[] = [];
  const { Memory } = WebAssembly;
  class Counted extends Memory {
    constructor(descriptor: { initial: number }) {
      super(descriptor);
      memories.push(this);
    }
  }
  WebAssembly.Memory = Counted;
  try {
    await expect(build(handMadeFrame(blocks))).rejects.toMatchObject({ code: 'NOT_SEEKABLE' });
  } finally {
    WebAssembly.Memory = Memory;
  }
  expect(memories.map(({ buffer }) => buffer.byteLength < 16 << 20)).toContain(true);
  expect(Math.max(...memories.map(({ buffer }) => buffer.byteLength))).toBeLessThan(16 << 20);
});

describe('the parser takes nothing on trust', () => {
  const most = 1000;
  const read = (body: number[]) => {
    const parser = new SequenceParser();
    parser.beginFrame(1 << 20);
    parser.skip(10);
    return parser.read(Buffer.from(body), most);
  };

  test.each([
    ['a block is cut short', [0x18, 1, 2]],
    ['a block is cut short', [0x00]],
    ['a table is damaged', [0x00, 1, 0x54]],
    ['a block is cut short', [0x00, 1, 0x54, 0, 2, 0]],
    ['a block is cut short', [0x02, 0x40, 0x00, 0xff, 0]],
    ['a block is cut short', [0x00, 255, 1]],
    ['there is no table to repeat', [0x03, 0x40, 0x00, 0x81, 0]],
    ['there is no table to repeat', [0x00, 1, 0xfc, 1]],
    ['a table is damaged', [0x00, 1, 0x54, 36, 2, 0, 1]],
    ['a table is damaged', [0x00, 1, 0x54, 0, 32, 0, 1]],
    ['a table is damaged', [0x00, 1, 0x54, 0, 2, 53, 1]],
    ['a table is damaged', [0x00, 1, 0x57, 0, 2, 0, 1]],
    ['a table is damaged', [0x00, 1, 0x80, 0xff, 0xff, 0xff, 1]],
    ['a block is too large', [0x15, 0x50, 7, 0]],
    ['a block is too large', [0x00, 1, 0x54, 0, 2, 52, 0, 0, 4]],
    ['an offset leads nowhere', [0x00, 1, 0x54, 0, 5, 0, 0x20]],
    ['a bit stream does not end where it should', [0x00, 1, 0x54, 0, 2, 0, 0x20]],
    ['a bit stream does not end where it should', [0x08, 7, 0, 9]],
    ['a sequence has more literals than there are', [0x08, 7, 1, 0x54, 2, 2, 0, 0x04]],
  ])('%s: %j', (message, body) => {
    expect(() => read(body)).toThrow(message);
  });

  test('no sequences, in one byte and in two', () => {
    expect(read([0x08, 7, 0]).size).toBe(1);
    expect(read([0x08, 7, 0x80, 0])).toEqual({ size: 1, tree: undefined, tables: undefined });
  });

  test('an offset that is repeated less one, down to nothing', () => {
    const codes = [0x00, 1, 0x54, 0, 1, 0]; // no literals, so that the third is the first less one
    expect(() => read([...codes, 0x03])).toThrow('an offset leads nowhere');
  });
});

test('what an index finds is compared with the content where no checksum proves it', async () => {
  const blocks = [rawBlock(noise), ...times(8, copyBlock(70_000, 'one code'))];
  const file = handMadeFrame(blocks);
  const source = new BufferSource(file);
  const content = await collect(zstd.decompress()(overwriting(file, 65_536)));
  const segments = await expectAllSpans(file, content, OPTIONS);
  await proveContent(source, segments, {});
  const last = segments.at(-1)!;
  const wrongSum = { ...last, checksums: last.checksums!.map((sum) => sum ^ 1) };
  const wrongSize = { ...last, contentSize: last.contentSize + 1 };
  for (const wrong of [[wrongSum], [wrongSize], [], [last, last]]) {
    const all = [...segments.slice(0, -1), ...wrong];
    await expect(proveContent(source, all, {})).rejects.toMatchObject({ code: 'INDEX_WRONG' });
  }
});

/** Makes an index in a process of its own. @returns how far its memory grew beyond a bare one, in MiB */
async function memoryOfIndex(file: Uint8Array, span: number): Promise<number> {
  const script = String.raw`
    import { readFileSync } from 'node:fs';
    const memory = (name) =>
      Number(readFileSync('/proc/self/status', 'latin1').match(name + ':\\s*(\\d+)')[1]) / 1024;
    const bare = memory('VmRSS');
    const { codec } = await import('@vzdump-format/codecs');
    const { BufferSource } = await import('@vzdump-format/streams');
    const source = new BufferSource(readFileSync(0));
    for await (const chunk of codec('zstd').buildIndex(source, { span: ${span} })) void chunk;
    console.log(memory('VmHWM') - bare);
  `;
  return Number(await runTool(process.execPath, ['--input-type=module', '-e', script], file));
}

test('the memory for an index of a window of 128 MiB', async () => {
  const random = seededRandom(8);
  const copies = Array.from({ length: 2400 }, (_, index) => {
    const most = Math.min(1 << 27, (index + 1) * MAX_BLOCK_SIZE) - MAX_BLOCK_SIZE;
    return copyBlock(MAX_BLOCK_SIZE + random(most + 1), 'one code');
  });
  const blocks = [rawBlock(noise), ...copies];
  const hash = (await xxhash()).create64();
  const plain = handMadeFrame(blocks, { windowExponent: 17 });
  for await (const chunk of zstd.decompress()(overwriting(plain, 65_536))) hash.update(chunk);
  const file = handMadeFrame(blocks, { windowExponent: 17, checksum: Number(hash.digest() & 0xffff_ffffn) });
  for (const span of [8 << 20, 32 << 20]) expect(await memoryOfIndex(file, span)).toBeLessThan(256);
});
