import { readdirSync, readFileSync } from 'node:fs';
import { CHUNK_SIZES, collect, overwriting } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import { codecForFileName, detectCodec } from './registry.js';

const GOLDEN = new URL('../../../test-vectors/codecs/', import.meta.url);
const read = (name: string) => readFileSync(new URL(name, GOLDEN));
const filesIn = (folder: string) =>
  readdirSync(new URL(folder, GOLDEN)).filter((name) => !codecForFileName(name).isIdentity);

const content = read('content');

describe.each(filesIn('.'))('%s', (name) => {
  const file = read(name);

  test('is known by its content', () => {
    expect(detectCodec(file).name).toBe(codecForFileName(name).name);
  });

  test.each(CHUNK_SIZES)('is read in chunks of %i', async (size) => {
    const decompressed = await collect(codecForFileName(name).decompress()(overwriting(file, size)));
    expect(decompressed.equals(content)).toBe(true);
  });

  test('is an error wherever it is cut off, but at the end of a part that is whole', async () => {
    const wholes: number[] = [];
    const [edge, step] = name.endsWith('.bz2') ? [4, 999] : [80, 97]; // a thread is started for each bzip2 file
    for (let cut = 0; cut < file.length; cut += cut < edge || cut >= file.length - edge / 2 ? 1 : step) {
      const decompressing = collect(
        codecForFileName(name).decompress()(overwriting(file.subarray(0, cut), 4096)),
      );
      const code = await decompressing.then(
        () => 'whole',
        (error: { code: string }) => error.code,
      );
      if (code === 'whole') wholes.push(cut);
      else expect(code).toMatch(/_TRUNCATED$/);
    }
    expect(wholes).toEqual(name === 'zstd-frames.zst' ? [13] : []); // behind the first skippable frame
  });
});

test('what lzop -3 wrote is written here, too', async () => {
  const written = await collect(codecForFileName('.lzo').compress()(overwriting(content, 'random')));
  expect(written.subarray(38).equals(read('lzop-3.lzo').subarray(38))).toBe(true);
});

test.each(filesIn('bad'))('bad/%s is refused by its name', async (name) => {
  const reading = collect(codecForFileName(name).decompress()(overwriting(read(`bad/${name}`), 1000)));
  await expect(reading).rejects.toMatchObject({ code: name.replace(/\..*/, ''), offset: expect.any(Number) });
});
