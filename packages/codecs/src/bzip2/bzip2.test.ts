import { collect, overwriting, seededRandom, testWith } from '@vzdump-format/testing';
import { expect, test } from 'vitest';
import { mixedBytes, randomBytes } from '../testing/bytes.js';
import { runTool } from '../testing/tools.js';
import { bzip2, decompressBzip2 } from './bzip2.js';

const decompress = (bytes: Uint8Array, size = 4096, options = {}) =>
  collect(bzip2.decompress(options)(overwriting(bytes, size)));
const failsWith = (code: string, offset?: number) =>
  expect.objectContaining({ code, ...(offset === undefined ? {} : { offset }) });

/** `hello world\n`, compressed by bzip2 1.0.8. */
const HELLO = Buffer.from(
  '425a68393141592653594eece83600000251800010400006449080200031064c4101a7a9a580bb9431f8bb9229c28482776741b0',
  'hex',
);

test('a block that runs for ever is given up', async () => {
  const bits = [...'BZh9'].map((letter) => letter.charCodeAt(0).toString(2).padStart(8, '0')).join('');
  const magic = 0x314159265359n.toString(2).padStart(48, '0');
  const counts = `${'0'.repeat(32 + 1 + 24)}1${'0'.repeat(15)}1${'0'.repeat(15)}010${'1'.padStart(15, '0')}0`;
  const lengths = '000010100' + '0'; // 1, 2, 2
  const block = `${bits + magic + counts + lengths + lengths + '0'.repeat(32)}11`;
  const bytes = Buffer.from(
    block
      .padEnd(Math.ceil(block.length / 8) * 8, '0')
      .match(/.{8}/g)!
      .map((byte) => parseInt(byte, 2)),
  );
  await expect(collect(decompressBzip2({}, 300)(overwriting(bytes, 1000)))).rejects.toEqual(
    failsWith('BZIP2_DATA'),
  );
});

testWith(['bzip2'], 'bzip2: writes what is read here', async () => {
  const contents = [mixedBytes(1_000_000), randomBytes(200_000), Buffer.alloc(1_000_000), Buffer.alloc(0)];
  for (const content of contents) {
    for (const level of ['-1', '-9']) {
      const compressed = await runTool('bzip2', ['-c', level], content);
      for (const size of [4097, 65536, compressed.length]) {
        expect((await decompress(compressed, size)).equals(content)).toBe(true);
      }
    }
  }
});

testWith(['bzip2'], 'bzip2: streams whose blocks are of any sizes, one after the other', async () => {
  const contents = [randomBytes(250_000), Buffer.alloc(0), Buffer.from('a')];
  const streams = await Promise.all(
    contents.flatMap((content) =>
      ['-1', '-9'].map(async (level) => ({
        content,
        bytes: await runTool('bzip2', ['-c', level], content),
      })),
    ),
  );
  const alternating = [...streams.filter((_, index) => index % 2 === 0), ...streams];
  for (const order of [streams, streams.toReversed(), alternating]) {
    const joined = Buffer.concat(order.map(({ bytes }) => bytes));
    const content = Buffer.concat(order.map((stream) => stream.content));
    for (const size of [4097, joined.length]) {
      expect((await decompress(joined, size)).equals(content)).toBe(true);
    }
  }
});

test('thousands of empty streams, and what is behind them', async () => {
  const empty = Buffer.from('425a683917724538509000000000', 'hex');
  const streams = Buffer.concat([...new Array<Buffer>(4000).fill(empty), HELLO]);
  for (const size of [4096, 2000 * empty.length, streams.length]) {
    expect(String(await decompress(streams, size))).toBe('hello world\n');
  }
});

test('a randomised block, as old versions made, is called by its name', async () => {
  const randomised = Buffer.from(HELLO);
  randomised[14]! |= 0x80;
  await expect(decompress(randomised)).rejects.toEqual(failsWith('BZIP2_RANDOMISED', 4));
});

testWith(['bzip2'], 'bzip2: truncation, damage, and what follows', async () => {
  const content = mixedBytes(150_000);
  const compressed = await runTool('bzip2', ['-c', '-1'], content);
  const random = seededRandom(9);
  const cuts = [0, 1, 3, 4, 10, 50, compressed.length - 1, compressed.length - 4, compressed.length - 10];
  for (const cut of [...cuts, ...Array.from({ length: 4 }, () => random(compressed.length))]) {
    await expect(decompress(compressed.subarray(0, cut))).rejects.toEqual(failsWith('BZIP2_TRUNCATED'));
  }
  for (let round = 0; round < 15; round++) {
    const damaged = Buffer.from(compressed);
    damaged[4 + random(compressed.length - 5)]! ^= 1 << random(7);
    await expect(decompress(damaged)).rejects.toMatchObject({ code: expect.stringMatching(/^BZIP2_/) });
  }
  const twice = Buffer.concat([compressed, compressed]);
  expect((await decompress(twice)).equals(Buffer.concat([content, content]))).toBe(true);
  const garbage = Buffer.concat([compressed, Buffer.from('garbage')]);
  await expect(decompress(garbage)).rejects.toEqual(failsWith('BZIP2_TRAILING', compressed.length));
  const warnings: string[] = [];
  const onWarning = (warning: { code: string }) => warnings.push(warning.code);
  await decompress(Buffer.concat([compressed, Buffer.alloc(2000)]), 100, { onWarning });
  expect(warnings).toEqual(['BZIP2_PADDING']);
});

test('without the tool: a file that it wrote', async () => {
  for (const size of [1, 7, HELLO.length])
    expect(String(await decompress(HELLO, size))).toBe('hello world\n');
  await expect(decompress(Buffer.from('hello'))).rejects.toEqual(failsWith('BZIP2_DATA', 0));
});
