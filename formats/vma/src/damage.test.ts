import { ArchiveError, BufferSource } from '@vzdump-format/streams';
import { badVmaBytes, badVmas } from '@vzdump-format/test-vectors';
import { chunked, seededRandom } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import { openVma } from './read/random-access.js';
import { verifyVma } from './read/unpack.js';
import { boundaries } from './testing/built-archive.js';
import { baseArchive, legalArchive, legalArchives } from './testing/vectors.js';

const MUTANTS_OF_EACH = 40;

async function* inOnePiece(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** The code that an archive is refused with; `undefined` if it is read. Any other failure is thrown on. */
async function codeOf(reading: Promise<unknown>): Promise<string | undefined> {
  return reading.then(
    () => undefined,
    (error: unknown) => {
      if (error instanceof ArchiveError) return error.code;
      throw error;
    },
  );
}

/** Flips each bit of a part of an archive, and collects those whose flip goes unseen. */
async function unseenFlips(archive: Buffer, start: number, end: number): Promise<number[]> {
  const unseen: number[] = [];
  for (let bit = start * 8; bit < end * 8; bit++) {
    archive[bit >> 3]! ^= 1 << (bit & 7);
    if ((await codeOf(verifyVma(inOnePiece(archive)))) === undefined) unseen.push(bit);
    archive[bit >> 3]! ^= 1 << (bit & 7);
  }
  return unseen;
}

describe('a single bit', () => {
  test('of a header never flips unseen', async () => {
    const archive = Buffer.from(legalArchive('config-only-no-device').bytes);
    const [, , firstExtent] = boundaries(archive);
    expect(await unseenFlips(archive, 0, firstExtent!)).toEqual([]);
    await verifyVma(inOnePiece(archive));
  });

  test('of an extent header never flips unseen', async () => {
    const archive = Buffer.from(baseArchive('base'));
    const [, , firstExtent] = boundaries(archive);
    expect(await unseenFlips(archive, firstExtent!, firstExtent! + 512)).toEqual([]);
    await verifyVma(inOnePiece(archive));
  });

  test('of the data flips unseen: the format has no checksum there', async () => {
    const archive = Buffer.from(baseArchive('base'));
    archive[boundaries(archive)[3]! + 5]! ^= 1;
    await verifyVma(inOnePiece(archive));
  });
});

describe('an extent whose magic number is damaged', () => {
  test.each([
    ['is the only one, of an archive without drives', legalArchive('config-only-no-device').bytes, 2],
    ['comes before the last cluster', baseArchive('multi'), 4],
  ])('%s: it is no trailing data', async (_, bytes, boundary) => {
    const archive = Buffer.from(bytes);
    archive[boundaries(archive)[boundary]!]! ^= 1;
    expect(await codeOf(verifyVma(inOnePiece(archive)))).toBe('VMA_EXTENT_MAGIC');
    expect(await codeOf(openVma(new BufferSource(archive)))).toBe('VMA_EXTENT_MAGIC');
  });
});

describe('random damage is an ArchiveError or goes unseen, and nothing worse', () => {
  const archives = [
    ...legalArchives(),
    ...badVmas().map((entry) => ({ name: `bad ${entry.name}`, bytes: badVmaBytes(entry) })),
  ].filter(({ bytes }) => bytes.length > 0 && bytes.length < 1_000_000);

  test.each(archives)('$name', async ({ name, bytes }) => {
    const random = seededRandom(name.length * 1000 + bytes.length);
    for (let mutant = 0; mutant < MUTANTS_OF_EACH; mutant++) {
      const damaged = Buffer.from(bytes);
      // half of it where the structure is, since most of an archive is data
      const reach = mutant % 2 === 0 ? Math.min(14_000, damaged.length) : damaged.length;
      for (let count = 1 + random(20); count > 0; count--) damaged[random(reach)] = random(256);
      const streamed = await codeOf(verifyVma(chunked(damaged, 65536)));
      const opened = await codeOf(openVma(new BufferSource(damaged)));
      if (streamed !== 'VMA_CONFIG_NAME' && streamed !== 'VMA_DEVICE_NAME') expect(opened).toBe(streamed);
    }
  });
});

test('pieces cut out, repeated or put elsewhere are an ArchiveError or go unseen', async () => {
  const random = seededRandom(7);
  for (const archive of [baseArchive('base'), baseArchive('multi')]) {
    for (let mutant = 0; mutant < 200; mutant++) {
      const [from, to, at] = [random(archive.length), random(archive.length), random(archive.length)];
      const piece = archive.subarray(Math.min(from, to), Math.max(from, to));
      const damaged = Buffer.concat([
        archive.subarray(0, at),
        piece,
        archive.subarray(random(archive.length)),
      ]);
      await codeOf(verifyVma(chunked(damaged, 'random')));
    }
  }
});
