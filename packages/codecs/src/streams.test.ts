import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { chunked, collect } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import type { CodecName } from './codec.js';
import { codec, codecs } from './registry.js';
import { createCompress, createDecompress, webCompress, webDecompress } from './streams.js';
import { mixedBytes } from './testing/bytes.js';

const plain = mixedBytes(300_000);

describe.each(codecs.filter(({ canCompress }) => canCompress))('$name as Node streams', (row) => {
  test('gives back what it was given, in byte mode', async () => {
    const [there, back] = [createCompress(row), createDecompress(row)];
    expect([there.writableObjectMode, there.readableObjectMode]).toEqual([false, false]);
    let result: Buffer | undefined;
    await pipeline(Readable.from(chunked(plain, 65_536)), there, back, async (chunks) => {
      result = await collect(chunks);
    });
    expect(result?.equals(plain)).toBe(true);
  });

  test('is destroyed when its signal is aborted, whatever it waits for', async () => {
    const controller = new AbortController();
    const duplex = createCompress(row, { signal: controller.signal });
    duplex.write(plain);
    const closed = new Promise((resolve) => duplex.once('error', resolve));
    controller.abort();
    expect(await closed).toMatchObject({ name: 'AbortError' });
    expect(duplex.destroyed).toBe(true);
  });
});

describe('by name', () => {
  test.each(codecs.filter(({ canCompress }) => canCompress))('$name, as a web stream', async ({ name }) => {
    const stream = new Blob([Uint8Array.from(plain)]).stream();
    const there = stream.pipeThrough(webCompress(name));
    expect((await collect(there.pipeThrough(webDecompress(name)))).equals(plain)).toBe(true);
  });

  test('as a Node stream', async () => {
    const chunks = Readable.from([plain]).pipe(createCompress('gzip')).pipe(createDecompress('gzip'));
    expect((await collect(chunks)).equals(plain)).toBe(true);
  });

  test('that there is not', () => {
    const unknown = expect.objectContaining({ name: 'ArchiveError', code: 'CODEC_UNKNOWN' });
    for (const make of [createCompress, createDecompress, webCompress, webDecompress])
      expect(() => make('rar' as CodecName)).toThrow(unknown);
  });
});

test('an error is that of the stage, and ends the pipeline', async () => {
  const source = Readable.from(chunked(plain, 1000));
  const sink = async (chunks: AsyncIterable<Uint8Array>) => void (await collect(chunks));
  await expect(pipeline(source, createDecompress(codec('zstd')), sink)).rejects.toMatchObject({
    code: 'ZSTD_FRAME',
    offset: 0,
  });
  expect(source.destroyed).toBe(true);
});

test('what it cannot do is refused at once', () => {
  const refused = (code: string) => expect.objectContaining({ code });
  expect(() => createCompress(codec('bzip2'))).toThrow(refused('CODEC_READ_ONLY'));
  expect(() => createCompress(codec('gzip'), { level: 10 })).toThrow(refused('CODEC_LEVEL'));
});
