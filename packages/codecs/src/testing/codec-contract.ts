import { CHUNK_SIZES, chunked, collect, lending, overwriting, testLettingGo } from '@vzdump-format/testing';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { mixedBytes, randomBytes, zeros } from './bytes.js';
import type { CodecCase } from './codec-case.js';
import { testDamagedFiles } from './damaged-files.js';
import { testSeeking } from './seeking.js';

/** What every codec promises. */
export function testCodec(name: string, tried: CodecCase): void {
  describe(`${name} is a codec`, () => {
    if (tried.codec.canCompress) testWriting(tried);
    else testReadOnly(tried);
    testSources(tried);
    if (tried.prefix !== undefined) testDamagedFiles({ ...tried, prefix: tried.prefix });
    testSeeking(tried);
  });
}

function testWriting({ codec, options }: CodecCase): void {
  const plain = mixedBytes(300_000);

  test.each(CHUNK_SIZES)('compresses and decompresses in chunks of %i', async (size) => {
    const part = size === 1 ? plain.subarray(0, 20_000) : plain;
    const compressed = await collect(lending(codec.compress(options)(overwriting(part, size))));
    expect(compressed.equals(await collect(codec.compress(options)(overwriting(part, 'random'))))).toBe(true);
    const back = await collect(lending(codec.decompress()(overwriting(compressed, size))));
    expect(back.equals(part)).toBe(true);
  });

  test('gives back whatever it was given', async () => {
    const bytes = fc.array(fc.uint8Array({ maxLength: 2000 }), { maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(bytes, fc.integer({ min: 1, max: 3000 }), async (parts, size) => {
        const input = Buffer.concat(parts);
        const there = lending(codec.compress(options)(overwriting(input, size)));
        expect((await collect(codec.decompress()(there))).equals(input)).toBe(true);
      }),
      { numRuns: 40 },
    );
  });

  test('any number of threads gives the same bytes, and reads them', async () => {
    const large = mixedBytes(1_500_000);
    const one = await collect(codec.compress({ ...options, threads: 1 })(overwriting(large, 65_536)));
    for (const threads of [2, 5]) {
      const more = await collect(
        lending(codec.compress({ ...options, threads })(overwriting(large, 'random'))),
      );
      expect(more.equals(one)).toBe(true);
      const back = await collect(lending(codec.decompress({ threads })(overwriting(one, 65_536))));
      expect(back.equals(large)).toBe(true);
    }
  });

  test('a level out of range, and what is no number of threads, is refused at once', () => {
    const refused = (code: string) => expect.objectContaining({ code });
    if (codec.levels !== undefined) {
      const { min, max } = codec.levels;
      for (const level of [min - 1, max + 1, 1.5, Number.NaN]) {
        expect(() => codec.compress({ ...options, level })).toThrow(refused('CODEC_LEVEL'));
      }
    }
    if (!codec.threaded) return;
    for (const threads of [-1, 1.5, Number.NaN]) {
      expect(() => codec.compress({ ...options, threads })).toThrow(refused('CODEC_THREADS'));
    }
  });

  // What is rsyncable is read as any other of its kind.
  test.runIf(options?.rsyncable !== true)('a gigabyte of zeros goes through in bounded memory', async () => {
    const level = codec.levels?.min;
    const count = codec.isIdentity ? 16 : 1024;
    const bomb = await collect(codec.compress({ ...options, level, threads: 2 })(zeros(count)));
    if (!codec.isIdentity) expect(bomb.length).toBeLessThan(5 << 20);
    const before = process.memoryUsage.rss();
    let [length, most] = [0, 0];
    for await (const chunk of codec.decompress()(overwriting(bomb, bomb.length))) {
      length += chunk.length;
      most = Math.max(most, process.memoryUsage.rss());
    }
    expect(length).toBe(count << 20);
    expect(most - before).toBeLessThan(128 << 20);
  });
}

function testReadOnly({ codec, example }: CodecCase): void {
  const { content, file } = example!;

  test('is only read', () => {
    expect(() => codec.compress()).toThrow(expect.objectContaining({ code: 'CODEC_READ_ONLY' }));
  });

  test.each(CHUNK_SIZES)('decompresses in chunks of %i', async (size) => {
    const back = await collect(lending(codec.decompress()(overwriting(file, size))));
    expect(back.equals(content)).toBe(true);
  });
}

/** However a stage ends, its source is let go of. */
function testSources(tried: CodecCase): void {
  const { codec, options } = tried;
  const long = randomBytes(1 << 20);

  testLettingGo('to decompress', {
    items: async () => {
      if (!codec.canCompress) return [tried.example!.file];
      return [await collect(codec.compress(options)(chunked(long, 65_536)))];
    },
    run: (source, signal) => codec.decompress({ signal })(source),
    takesSignal: true,
  });
  if (!codec.canCompress) return;
  for (const threads of codec.threaded ? [1, 2] : [1]) {
    testLettingGo(`to compress, threads: ${threads}`, {
      items: () => [long, long, long],
      run: (source, signal) => codec.compress({ ...options, threads, signal })(source),
      takesSignal: true,
    });
  }

  test('passes on an error of its source', async () => {
    async function* failing() {
      yield long.subarray(0, 5);
      throw new Error('the disk is gone');
    }
    await expect(collect(codec.compress(options)(failing()))).rejects.toThrow('the disk is gone');
  });
}
