import { ArchiveError } from '@vzdump-format/streams';
import { CHUNK_SIZES, overwriting, seededRandom } from '@vzdump-format/testing';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { codecs } from './registry.js';
import { collect, collectCopies, mixedBytes, zeros } from './testing/bytes.js';

const writable = codecs.filter((row) => row.canCompress);
const compressors = writable.filter((row) => !row.isIdentity);

describe.each(writable)('$name', (row) => {
  const plain = mixedBytes(300_000);
  /** Chunks that `none` passes on stay their source's; the others' are the consumer's to keep. */
  const keep = row.isIdentity ? collectCopies : collect;

  test.each(CHUNK_SIZES)('compresses and decompresses in chunks of %i', async (size) => {
    const part = size === 1 ? plain.subarray(0, 20_000) : plain;
    const compressed = await keep(row.compress()(overwriting(part, size)));
    expect(compressed.equals(await keep(row.compress()(overwriting(part, 'random'))))).toBe(true);
    const back = await keep(row.decompress()(overwriting(compressed, size)));
    expect(back.equals(part)).toBe(true);
  });

  test('gives back whatever it was given', async () => {
    const bytes = fc.array(fc.uint8Array({ maxLength: 2000 }), { maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(bytes, fc.integer({ min: 1, max: 3000 }), async (parts, size) => {
        const input = Buffer.concat(parts);
        const there = row.compress({ reuseBuffers: true })(overwriting(input, size));
        expect((await collectCopies(row.decompress()(there))).equals(input)).toBe(true);
      }),
      { numRuns: 40 },
    );
  });

  test('stops when aborted, and lets go of its source', async () => {
    const controller = new AbortController();
    let closed = false;
    async function* endless() {
      try {
        for (;;) yield plain;
      } finally {
        closed = true;
      }
    }
    const chunks = row.compress({ signal: controller.signal })(endless());
    for (let count = 0; count < 2; count++) await chunks.next(); // the first may be a header, before the source is asked
    controller.abort();
    await expect(collect(chunks)).rejects.toThrow(/aborted/);
    expect(closed).toBe(true);
  });

  test('closes its source when the consumer has had enough', async () => {
    let closed = false;
    async function* source() {
      try {
        yield* row.compress()(zeros(64));
      } finally {
        closed = true;
      }
    }
    for await (const chunk of row.decompress()(source())) {
      expect(chunk.length).toBeGreaterThan(0);
      break;
    }
    expect(closed).toBe(true);
  });

  test('passes on an error of its source', async () => {
    async function* failing() {
      yield plain.subarray(0, 5);
      throw new Error('the disk is gone');
    }
    await expect(collect(row.compress()(failing()))).rejects.toThrow('the disk is gone');
  });
});

describe.each(compressors)('$name, damaged', (row) => {
  const plain = mixedBytes(200_000, 7);
  const compressing = collect(row.compress()(overwriting(plain, 'random')));
  const prefix = new RegExp(
    `^${row.name === 'lzo' ? 'LZOP' : row.name.replace('pigz', 'gzip').toUpperCase()}_`,
  );

  const errorOf = async (bytes: Uint8Array, size = 4096): Promise<ArchiveError> => {
    const error: unknown = await collect(row.decompress()(overwriting(bytes, size))).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(ArchiveError);
    return error as ArchiveError;
  };

  test('wherever it is cut off, it is truncated', async () => {
    const compressed = await compressing;
    const random = seededRandom(3);
    const cuts = [...Array(40).keys(), ...Array.from({ length: 40 }, () => random(compressed.length))];
    for (const from of [1, 2, 3, 4, 5, 7, 8, 9]) cuts.push(compressed.length - from);
    for (const cut of cuts) {
      const error = await errorOf(compressed.subarray(0, Math.floor(cut)));
      expect(error.code).toMatch(/_TRUNCATED$/);
      expect(error.offset).toBeLessThanOrEqual(Math.floor(cut));
    }
  });

  test('a flipped bit is found, unless it means nothing', async () => {
    const compressed = await compressing;
    const random = seededRandom(4);
    const places = [...Array(40).keys(), ...Array.from({ length: 100 }, () => random(compressed.length))];
    let found = 0;
    for (const place of places) {
      const damaged = Buffer.from(compressed);
      damaged[place]! ^= 1 << random(8);
      const result = await collect(row.decompress()(overwriting(damaged, 65536))).catch(
        (error: unknown) => error,
      );
      if (result instanceof Buffer) {
        expect(result.equals(plain)).toBe(true);
        continue;
      }
      expect(result).toBeInstanceOf(ArchiveError);
      expect((result as ArchiveError).code).toMatch(prefix);
      expect((result as ArchiveError).offset).toBeLessThanOrEqual(compressed.length);
      found++;
    }
    expect(found).toBeGreaterThan(100);
  });

  test('garbage behind the end is an error, zeros are a warning', async () => {
    const compressed = await compressing;
    for (const garbage of ['x', 'garbage', `${'\0'.repeat(600)}x`]) {
      const error = await errorOf(Buffer.concat([compressed, Buffer.from(garbage)]), 7);
      expect(error.code).toMatch(/_TRAILING$/);
      expect(error.offset).toBe(compressed.length);
    }
    const warnings: string[] = [];
    const onWarning = (warning: { code: string }) => warnings.push(warning.code);
    for (const length of [1, 3, 4, 1024]) {
      const padded = Buffer.concat([compressed, Buffer.alloc(length)]);
      const back = await collect(row.decompress({ onWarning })(overwriting(padded, 513)));
      expect(back.equals(plain)).toBe(true);
    }
    expect(warnings).toHaveLength(4);
    expect(warnings[0]).toMatch(/_PADDING$/);
  });

  test('what was never compressed is refused', async () => {
    const error = await errorOf(plain);
    expect(error.code).toMatch(prefix);
    expect(error.offset).toBe(0);
  });

  test('joined files decompress to the joined contents', async () => {
    const joined = Buffer.concat([await compressing, await compressing, await compressing]);
    for (const size of [1000, 65536, joined.length]) {
      const back = await collect(row.decompress()(overwriting(joined, size)));
      expect(back.equals(Buffer.concat([plain, plain, plain]))).toBe(true);
    }
  });

  test('a bomb goes through in bounded memory', async () => {
    const bomb = await collect(row.compress({ level: row.levels!.min, threads: 2 })(zeros(1024)));
    expect(bomb.length).toBeLessThan(5 << 20);
    const before = process.memoryUsage.rss();
    let length = 0;
    let most = 0;
    for await (const chunk of row.decompress({ reuseBuffers: true })(overwriting(bomb, bomb.length))) {
      length += chunk.length;
      most = Math.max(most, process.memoryUsage.rss());
    }
    expect(length).toBe(1 << 30);
    expect(most - before).toBeLessThan(128 << 20);
  });

  test('a level out of range is refused at once', () => {
    const { min, max } = row.levels!;
    for (const level of [min - 1, max + 1, 1.5, Number.NaN]) {
      expect(() => row.compress({ level })).toThrow(expect.objectContaining({ code: 'CODEC_LEVEL' }));
    }
  });
});
