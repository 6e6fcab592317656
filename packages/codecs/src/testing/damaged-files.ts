import { ArchiveError } from '@vzdump-format/streams';
import { collect, overwriting, seededRandom } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import { mixedBytes } from './bytes.js';
import { type CodecCase, type CompressedFile, fileOfSeveralBlocks, smallFile } from './codec-case.js';

interface Outcome {
  readonly content: Buffer;
  readonly error: unknown;
}

/** What every codec that checks what it reads promises: damage is an error that says where. */
export function testDamagedFiles(tried: CodecCase & { readonly prefix: string }): void {
  const { codec, placesIn, wholeBefore, claims, rounds } = tried;
  const prefix = new RegExp(`^${tried.prefix}_`);

  /** What comes out of a file, and the error that it ends with, if it does. */
  async function read(file: Uint8Array, size = 50_000): Promise<Outcome> {
    const parts: Uint8Array[] = [];
    const reading = async () => {
      for await (const part of codec.decompress()(overwriting(file, size))) parts.push(Buffer.from(part));
    };
    const error = await reading().catch((reason: unknown) => reason);
    return { content: Buffer.concat(parts), error };
  }

  function expectNamed(error: unknown, length: number): void {
    expect(error).toBeInstanceOf(ArchiveError);
    expect((error as ArchiveError).code).toMatch(prefix);
    expect((error as ArchiveError).offset).toBeLessThanOrEqual(length);
  }

  /** Cuts a file off here and there. @returns the cuts that leave a whole one */
  async function wholeCuts({ file, content }: CompressedFile, cuts: ReadonlySet<number>): Promise<number[]> {
    const wholes: number[] = [];
    for (const cut of [...cuts].filter((at) => at >= 0 && at < file.length)) {
      const { error, content: before } = await read(file.subarray(0, cut));
      expect(before.equals(content.subarray(0, before.length))).toBe(true);
      if (error === undefined) wholes.push(cut);
      else {
        expectNamed(error, cut);
        expect((error as ArchiveError).code).toMatch(/_TRUNCATED$/);
      }
    }
    return wholes.sort((a, b) => a - b);
  }

  describe('with damaged files', () => {
    test('wherever it is cut off, it is truncated, and nothing wrong came before', async () => {
      const large = await fileOfSeveralBlocks(tried);
      const places = await placesIn(large.file);
      expect(places.length).toBeGreaterThan(0);
      const atBlocks = await wholeCuts(large, new Set(places.flatMap((at) => [at - 1, at, at + 1])));
      expect(atBlocks).toEqual((await wholeBefore?.(large.file)) ?? []);
      const small = await smallFile(tried);
      const random = seededRandom(3);
      const cuts = new Set([1, 2, 3, 4, 5, 7, 8, 9].map((from) => small.file.length - from));
      for (let round = 0; round < rounds; round++) cuts.add(round).add(random(small.file.length));
      expect(await wholeCuts(small, cuts)).toEqual(
        (await wholeBefore?.(small.file))?.filter((at) => cuts.has(at)) ?? [],
      );
    });

    test('a flipped bit is found, unless it means nothing', async () => {
      const { file, content } = await smallFile(tried);
      const random = seededRandom(4);
      const places = Array.from({ length: 2 * rounds }, () => random(file.length));
      for (let at = 0; at < rounds; at++) places.push(at);
      let found = 0;
      for (const place of places) {
        const damaged = Buffer.from(file);
        damaged[place]! ^= 1 << random(8);
        const { error, content: back } = await read(damaged);
        if (error === undefined) expect(back.equals(content)).toBe(true);
        else {
          expectNamed(error, file.length);
          found++;
        }
      }
      expect(found).toBeGreaterThan(2 * rounds);
    });

    test('garbage behind the end is an error, zeros are a warning', async () => {
      const { file, content } = await smallFile(tried);
      for (const garbage of ['x', 'garbage', `${'\0'.repeat(600)}x`]) {
        const { error } = await read(Buffer.concat([file, Buffer.from(garbage)]), 777);
        expect(error).toMatchObject({ code: `${tried.prefix}_TRAILING`, offset: file.length });
      }
      const warnings: string[] = [];
      const onWarning = (warning: { readonly code: string }) => warnings.push(warning.code);
      for (const length of [1, 3, 4, 1024]) {
        const padded = Buffer.concat([file, Buffer.alloc(length)]);
        const back = await collect(codec.decompress({ onWarning })(overwriting(padded, 513)));
        expect(back.equals(content)).toBe(true);
      }
      expect(warnings).toEqual(Array(4).fill(`${tried.prefix}_PADDING`));
    });

    test('what was never compressed is refused', async () => {
      const { error } = await read(mixedBytes(200_000, 7));
      expectNamed(error, 0);
    });

    test('joined files decompress to the joined contents', async () => {
      const { file, content } = await fileOfSeveralBlocks(tried);
      const joined = Buffer.concat([file, file, file]);
      for (const size of [1000, 65_536, joined.length]) {
        const back = await collect(codec.decompress()(overwriting(joined, size)));
        expect(back.equals(Buffer.concat([content, content, content]))).toBe(true);
      }
    });

    test.runIf(claims.length > 0)('a size that is claimed and not there takes no memory', async () => {
      const before = process.memoryUsage.rss();
      for (const file of claims) {
        const { error } = await read(file);
        expectNamed(error, file.length);
        expect(process.memoryUsage.rss() - before).toBeLessThan(128 << 20);
      }
    });
  });
}
