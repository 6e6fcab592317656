import { BufferSource } from '@vzdump-format/streams';
import { chunked, seededRandom } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import { openVma } from './read/random-access.js';
import { verifyVma } from './read/unpack.js';
import { boundaries } from './testing/built-archive.js';
import { baseArchive, legalArchive } from './testing/vectors.js';

const ARCHIVES = [
  ['base', baseArchive('base')],
  ['multi', baseArchive('multi')],
  ['vmstate', legalArchive('vmstate').bytes],
  ['config-only-no-device', legalArchive('config-only-no-device').bytes],
] as const;

/** The codes that a lost end may have. */
const CODES = /^VMA_(TRUNCATED|MISSING_CLUSTERS)$/;

function cuts(archive: Buffer): number[] {
  const random = seededRandom(archive.length);
  const near = boundaries(archive).flatMap((at) => [at - 1, at, at + 1]);
  const anywhere = Array.from({ length: 200 }, () => random(archive.length));
  return [...new Set([...near, ...anywhere])].filter((at) => at >= 0 && at < archive.length);
}

describe.each(ARCHIVES)('%s', (_, archive) => {
  test('cut short anywhere, it is refused, and the error tells where it ends', async () => {
    for (const end of cuts(archive)) {
      await expect(
        verifyVma(chunked(archive.subarray(0, end), 'random')),
        `cut at ${end}`,
      ).rejects.toMatchObject({
        name: 'ArchiveError',
        code: expect.stringMatching(CODES),
        offset: end,
      });
    }
  });

  test('cut short anywhere, it is refused for random access too, with the same code', async () => {
    for (const end of cuts(archive)) {
      const short = archive.subarray(0, end);
      const error: unknown = await verifyVma(chunked(short, 65536)).catch((reason: unknown) => reason);
      await expect(openVma(new BufferSource(short)), `cut at ${end}`).rejects.toMatchObject({
        code: (error as { code: string }).code,
        offset: end,
      });
    }
  });
});

test('a lost empty extent at the end cannot be told', async () => {
  const { bytes } = legalArchive('empty-extents');
  const starts = boundaries(bytes);
  expect(starts.at(-1)).toBe(starts.at(-3)! + 512);
  await verifyVma(chunked(bytes.subarray(0, -512), 65536));
});
