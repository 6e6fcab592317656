import { BufferSource } from '@vzdump-format/streams';
import { collect, overwriting, seededRandom } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import { randomBytes } from '../../testing/bytes.js';
import { expectAllSpans } from '../../testing/spans.js';
import { copyBlock, handMadeFrame, rawBlock } from '../../testing/zstd-frames.js';
import { MAX_BLOCK_SIZE } from '../format.js';
import { zstd } from '../zstd.js';

const SPAN = 1 << 20;

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
