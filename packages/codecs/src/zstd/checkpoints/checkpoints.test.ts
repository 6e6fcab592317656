import { BufferSource } from '@vzdump-format/streams';
import { collect, overwriting, seededRandom, testWith } from '@vzdump-format/testing';
import { beforeAll, describe, expect, test } from 'vitest';
import { mixedBytes, randomBytes } from '../../testing/bytes.js';
import { indexSource, resealed } from '../../testing/index-files.js';
import { expectAllSpans } from '../../testing/spans.js';
import { runTool } from '../../testing/tools.js';
import { copyBlock, handMadeFrame, rawBlock } from '../../testing/zstd-frames.js';
import { MAX_BLOCK_SIZE } from '../format.js';
import { zstd } from '../zstd.js';

const SPAN = 1 << 20;

/** Enough for `zstd` to divide it among jobs, and to look back beyond its window. */
let content: Buffer;
beforeAll(() => {
  const disk = mixedBytes(5_000_000);
  const text = Buffer.from(
    Array.from({ length: 200_000 }, (_, line) => `line ${(line * 7919) % 50_021}\n`).join(''),
  );
  const parts = [disk, Buffer.alloc(2_000_000), text, randomBytes(500_000), disk.subarray(1_000_001), text];
  content = Buffer.concat([...parts, mixedBytes(2_000_000, 5), disk]);
});

const OPTIONS = { span: SPAN };

/**
 * A frame of noise that is copied from here and there: each group of blocks repeats the tables of its first.
 */
function frameOfCopies(blocks: number, groupSize: number): Buffer {
  const random = seededRandom(3);
  const copies = Array.from({ length: blocks }, (_, index) => {
    return copyBlock(70_000 + random(60_000), index % groupSize === 0 ? 'one code' : 'repeated');
  });
  return handMadeFrame([rawBlock(randomBytes(MAX_BLOCK_SIZE)), ...copies]);
}

describe('a table of one code that is repeated cannot be in a dictionary', () => {
  test('so no checkpoint lies there', async () => {
    const file = frameOfCopies(200, 7);
    const expected = await collect(zstd.decompress({ engine: 'libzstd' })(overwriting(file, 65_536)));
    expect(expected.length).toBe(201 * MAX_BLOCK_SIZE);
    const segments = await expectAllSpans(file, expected, OPTIONS);
    expect(segments.length).toBeGreaterThan(20);
    const modes = segments.slice(1).map(({ offset }) => file[offset + 5]);
    expect(new Set(modes)).toEqual(new Set([0x54]));
  });

  test('and a file that has no other place is refused', async () => {
    const source = new BufferSource(frameOfCopies(600, 1000));
    await expect(collect(zstd.buildIndex(source, { span: SPAN }))).rejects.toMatchObject({
      code: 'NOT_SEEKABLE',
      hint: expect.stringContaining('convert'),
    });
  });
});

test('a frame that needs a dictionary is refused, with the reason', async () => {
  const source = new BufferSource(Buffer.from('28b52ffd2107050900007b', 'hex'));
  const refusal = { code: 'ZSTD_DICTIONARY' };
  await expect(collect(zstd.buildIndex(source))).rejects.toMatchObject(refusal);
  await expect(zstd.openSeekable(source)).rejects.toMatchObject(refusal);
});

test('a span that no index can have', async () => {
  const source = new BufferSource(await collect(zstd.compress()(overwriting(Buffer.alloc(10), 10))));
  for (const span of [0, 1000, 1.5, 64 << 20]) {
    await expect(collect(zstd.buildIndex(source, { span }))).rejects.toMatchObject({ code: 'CODEC_SPAN' });
  }
});

describe('damage is an error, or does no harm', () => {
  const ROUNDS = 150;
  const flipped = (bytes: Uint8Array, random: (below: number) => number, from = 0) => {
    const damaged = Buffer.from(bytes);
    damaged[from + random(damaged.length - from)]! ^= 1 << random(8);
    return damaged;
  };
  const outcome = (work: Promise<unknown>) =>
    work.then(
      () => undefined,
      (error: { readonly code: string }) => error.code,
    );

  testWith(['zstd'], 'of the file', async () => {
    const part = content.subarray(4_000_000, 8_000_000);
    const file = await runTool('zstd', ['-q', '-c', '-3'], part);
    const index = await indexSource(zstd.buildIndex(new BufferSource(file), { span: SPAN }));
    const random = seededRandom(5);
    const codes = new Set<string | undefined>();
    for (let round = 0; round < ROUNDS; round++) {
      const source = new BufferSource(flipped(file, random));
      codes.add(await outcome(collect(zstd.buildIndex(source, { span: SPAN }))));
      const reading = async () => {
        const opened = await zstd.openSeekable(source, { index });
        const buffer = Buffer.alloc(part.length);
        await opened.read(buffer, 0);
        expect(buffer.equals(part)).toBe(true);
      };
      codes.add(await outcome(reading()));
    }
    codes.delete(undefined);
    expect([...codes].filter((code) => !/^(ZSTD_|INDEX_)/.test(String(code)))).toEqual([]);
    expect(codes.size).toBeGreaterThan(1);
  });

  testWith(['zstd'], 'of the index, also where its checksum is right', async () => {
    const part = content.subarray(4_000_000, 8_000_000);
    const file = await runTool('zstd', ['-q', '-c', '-3'], part);
    const source = new BufferSource(file);
    const index = await collect(zstd.buildIndex(source, { span: SPAN }));
    const random = seededRandom(6);
    const codes = new Set<string | undefined>();
    const readBy = async (damaged: Buffer) => {
      const opened = await zstd.openSeekable(source, { index: new BufferSource(damaged) });
      const buffer = Buffer.alloc(part.length);
      const length = await opened.read(buffer, 0);
      if (length === part.length) expect(buffer.equals(part)).toBe(true);
    };
    for (let round = 0; round < ROUNDS; round++) {
      expect(await outcome(readBy(flipped(index, random)))).toMatch(/^INDEX_/);
      codes.add(await outcome(readBy(resealed(flipped(index, random)))));
    }
    codes.delete(undefined);
    expect([...codes].filter((code) => !/^(ZSTD_|INDEX_|NOT_SEEKABLE)/.test(String(code)))).toEqual([]);
  });
});
