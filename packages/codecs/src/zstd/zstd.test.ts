import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { collect, overwriting, scratch, testWith } from '@vzdump-format/testing';
import { expect, test } from 'vitest';
import { mixedBytes, randomBytes, zeros } from '../testing/bytes.js';
import { runTool } from '../testing/tools.js';
import { zstd } from './zstd.js';

const plain = mixedBytes(500_000);
const decompress = (bytes: Uint8Array, size = 4096, maxWindowLog?: number) =>
  collect(zstd.decompress({ maxWindowLog })(overwriting(bytes, size)));
const compress = (bytes: Uint8Array, options = {}) =>
  collect(zstd.compress(options)(overwriting(bytes, 'random')));
const failsWith = (code: string, offset: number) => expect.objectContaining({ code, offset });

function skippable(low: number, content: Uint8Array): Buffer {
  const header = Buffer.from([0x50 + low, 0x2a, 0x4d, 0x18, 0, 0, 0, 0]);
  header.writeUInt32LE(content.length, 4);
  return Buffer.concat([header, content]);
}

/** A frame of raw blocks without a checksum. */
function rawFrame(
  descriptor: number,
  rest: readonly number[],
  blocks: readonly (readonly number[])[],
): Buffer {
  return Buffer.from([0x28, 0xb5, 0x2f, 0xfd, descriptor, ...rest, ...blocks.flat()]);
}

test('skippable frames may stand anywhere, of any size', async () => {
  const frame = await compress(plain);
  const large = skippable(15, randomBytes(100_000));
  const file = Buffer.concat([
    skippable(0, new Uint8Array(0)),
    frame,
    large,
    skippable(14, plain),
    frame,
    large,
  ]);
  for (const size of [1000, 4096, 65536]) {
    expect((await decompress(file, size)).equals(Buffer.concat([plain, plain]))).toBe(true);
  }
  const cut = file.subarray(0, file.length - 1);
  await expect(decompress(cut)).rejects.toEqual(failsWith('ZSTD_TRUNCATED', cut.length));
  expect((await decompress(large)).length).toBe(0);
});

test('every way to say a size', async () => {
  const raw = [0x01, 0x00, 0x00]; // the last block, raw, empty
  expect((await decompress(rawFrame(0x20, [0], [raw]))).length).toBe(0);
  expect((await decompress(rawFrame(0x00, [0x58], [raw]))).length).toBe(0);
  expect((await decompress(rawFrame(0x60, [0, 0], [[0x03, 0x08, 0x00, 0x41]]))).length).toBe(256); // a run
  expect((await decompress(rawFrame(0xa0, [2, 0, 0, 0], [[0x11, 0, 0, 1, 2]]))).length).toBe(2);
  expect((await decompress(rawFrame(0xe0, [2, 0, 0, 0, 0, 0, 0, 0], [[0x11, 0, 0, 1, 2]]))).length).toBe(2);
  expect((await decompress(rawFrame(0x21, [0, 0], [raw]))).length).toBe(0); // dictionary id 0 = none
});

test('what is refused, and where', async () => {
  const frame = await compress(plain);
  const behind = (bytes: Uint8Array) => decompress(Buffer.concat([frame, bytes]));
  const at = frame.length;
  await expect(behind(rawFrame(0x23, [1, 2, 3, 4, 0], [[1, 0, 0]]))).rejects.toEqual(
    failsWith('ZSTD_DICTIONARY', at),
  );
  await expect(behind(rawFrame(0x28, [0], [[1, 0, 0]]))).rejects.toEqual(failsWith('ZSTD_FRAME', at));
  await expect(behind(rawFrame(0x20, [0], [[7, 0, 0]]))).rejects.toEqual(failsWith('ZSTD_FRAME', at + 6));
  await expect(behind(rawFrame(0x00, [0x58], [[0xff, 0xff, 0xff]]))).rejects.toEqual(
    failsWith('ZSTD_FRAME', at + 6),
  );
  const damaged = await compress(plain, { seekable: false });
  damaged[damaged.length - 1]! ^= 1;
  await expect(behind(damaged)).rejects.toEqual(failsWith('ZSTD_CHECKSUM', at));
});

test('a size that claims gigabytes is not believed', async () => {
  const claim = [0, 0, 0, 0, 2, 0, 0, 0]; // 8 GiB
  const frame = rawFrame(0xc0, [0x58, ...claim], [[0x11, 0, 0, 1, 2]]);
  await expect(decompress(frame)).rejects.toMatchObject({ code: 'ZSTD_FRAME' });
  await expect(decompress(rawFrame(0xe0, claim, []))).rejects.toMatchObject({
    code: 'ZSTD_WINDOW',
    offset: 0,
  });
});

test('a window above the limit is refused with a hint, and read when allowed', async () => {
  const run = [0x03, 0x08, 0x00, 0x41];
  const frame = rawFrame(0x00, [(28 - 10) << 3], [run]);
  await expect(decompress(frame)).rejects.toMatchObject({
    code: 'ZSTD_WINDOW',
    hint: expect.stringContaining('--long 28'),
  });
  expect((await decompress(frame, 7, 28)).length).toBe(256);
  expect((await decompress(rawFrame(0x00, [(27 - 10) << 3], [run]))).length).toBe(256);
  expect(() => zstd.decompress({ maxWindowLog: 32 })).toThrow(
    expect.objectContaining({ code: 'CODEC_WINDOW' }),
  );
});

test('the event loop turns while a bomb goes off', async () => {
  const bomb = await collect(zstd.compress()(zeros(512)));
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  for await (const chunk of zstd.decompress()(overwriting(bomb, bomb.length))) void chunk;
  clearInterval(timer);
  expect(turns).toBeGreaterThan(1);
});

test('a frame size that makes no sense is refused at once', () => {
  for (const frameSize of [0, -1, 1.5, 2 ** 27]) {
    expect(() => zstd.compress({ frameSize })).toThrow(expect.objectContaining({ code: 'CODEC_FRAME_SIZE' }));
  }
});

test('a frame of more blocks than its content needs is read a piece at a time', async () => {
  const blocks = Array.from({ length: 300 }, () => [0x08, 0, 0, 0x41]); // raw, one byte
  const frame = rawFrame(0x60, [44, 0], [...blocks, [0x01, 0, 0]]);
  for (const size of [100, 65536]) expect(String(await decompress(frame, size))).toBe('A'.repeat(300));
  const tooMany = rawFrame(0x60, [43, 0], [...blocks, [0x01, 0, 0]]);
  await expect(decompress(tooMany)).rejects.toMatchObject({ code: 'ZSTD_FRAME' });
});

testWith(['zstd'], 'zstd: reads what is written here', async () => {
  for (const options of [{ level: 1 }, {}, { level: 19 }, { threads: 2 }]) {
    const compressed = await compress(plain, options);
    expect((await runTool('zstd', ['-dc'], compressed)).equals(plain)).toBe(true);
  }
});

testWith(['zstd'], 'zstd: writes what is read here', async () => {
  for (const options of [
    ['-1'],
    ['-19'],
    ['--ultra', '-22'],
    ['-T2'],
    ['--fast=3'],
    ['--no-check'],
    ['--adapt'],
  ]) {
    expect((await decompress(await runTool('zstd', ['-c', ...options], plain))).equals(plain)).toBe(true);
  }
  expect((await decompress(await runTool('zstd', ['-c'], new Uint8Array(0)))).length).toBe(0);
});

testWith(['zstd'], 'zstd: long windows', async () => {
  const compressed = await runTool('zstd', ['-c', '--long=31', '--ultra'], plain);
  await expect(decompress(compressed)).rejects.toMatchObject({ code: 'ZSTD_WINDOW' });
  expect((await decompress(compressed, 65536, 31)).equals(plain)).toBe(true);
});

testWith(['zstd'], 'zstd: a dictionary is refused', async () => {
  const directory = await scratch();
  const samples = Array.from({ length: 200 }, (_, index) => join(directory, `sample${index}`));
  await Promise.all(samples.map((path, index) => writeFile(path, mixedBytes(2000, index))));
  await runTool('zstd', ['-q', '--train', ...samples, '-o', join(directory, 'dict')], new Uint8Array(0));
  const compressed = await runTool('zstd', ['-c', '-D', join(directory, 'dict')], plain);
  await expect(decompress(compressed)).rejects.toMatchObject({ code: 'ZSTD_DICTIONARY' });
});
