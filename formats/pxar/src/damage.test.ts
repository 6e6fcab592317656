import { inspect } from 'node:util';
import { ArchiveError } from '@vzdump-format/streams';
import { overwriting, seededRandom, sha256 } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import type { PxarEntry } from './read/entry-reader.js';
import { unpackPxar } from './read/unpack.js';
import { inOnePiece } from './testing/bytes.js';
import { contentOf } from './testing/listing.js';
import { badVectors, goldenVectors, type VectorBytes } from './testing/vectors.js';
import { open, readAtRandom, walk } from './testing/walk.js';

const MUTANTS_OF_EACH = 12;

/** What reading gives, or an error's code. Any other failure is thrown on. */
async function attempt<Result>(reading: Promise<Result>): Promise<Result | string> {
  return reading.catch((error: unknown) => {
    if (error instanceof ArchiveError && error.code.startsWith('PXAR_')) return error.code;
    throw error;
  });
}

/** Each entry in a line. */
async function describeAll(entries: AsyncIterable<PxarEntry>): Promise<string[]> {
  const all: string[] = [];
  for await (const entry of entries) {
    const described = { ...entry, content: entry.content && sha256(await contentOf(entry)) };
    all.push(JSON.stringify(described, (_, value: unknown) => (isPlain(value) ? value : inspect(value))));
  }
  return all;
}

function isPlain(value: unknown): boolean {
  return typeof value !== 'bigint' && !(value instanceof Map) && !(value instanceof Uint8Array);
}

function verified({ archive, payload }: VectorBytes): Promise<string[] | string> {
  const options = { payload: payload && inOnePiece(payload), verify: true };
  return attempt(describeAll(unpackPxar(inOnePiece(archive), options)));
}

describe('random damage is an error or goes unseen, and nothing worse', () => {
  const vectors = [
    ...goldenVectors(),
    ...badVectors().map((vector) => ({ ...vector, name: `bad ${vector.name}` })),
  ];

  test.each(vectors.filter(({ archive }) => archive.length > 0))(
    '$name',
    async ({ name, archive, payload }) => {
      const random = seededRandom(name.length * 1000 + archive.length);
      for (let mutant = 0; mutant < MUTANTS_OF_EACH; mutant++) {
        const damaged: { archive: Buffer; payload: Buffer | undefined } = {
          archive: Buffer.from(archive),
          payload: payload && Buffer.from(payload),
        };
        const target = damaged.payload?.length && mutant % 3 === 0 ? damaged.payload : damaged.archive;
        for (let count = 1 + random(4); count > 0; count--) {
          const at = random(target.length);
          target[at] = random(2) === 0 ? random(256) : target[at]! ^ (1 << random(8));
        }
        const result = await verified(damaged);
        const opened = await attempt(readAtRandom(damaged));
        if (typeof result === 'string') continue;
        // what is proven reads the same in every way
        expect(opened).toBe(result.length);
        expect((await describeAll(walk(await open(damaged)))).join('\n')).toBe(result.join('\n'));
      }
    },
  );
});

test('pieces cut out, repeated or put elsewhere are an error or go unseen', async () => {
  const random = seededRandom(11);
  for (const { archive, payload } of goldenVectors().filter(({ archive: { length } }) => length < 5000)) {
    for (let mutant = 0; mutant < 10; mutant++) {
      const [from, to, at] = [random(archive.length), random(archive.length), random(archive.length)];
      const piece = archive.subarray(Math.min(from, to), Math.max(from, to));
      const damaged = Buffer.concat([
        archive.subarray(0, at),
        piece,
        archive.subarray(random(archive.length)),
      ]);
      await verified({ archive: damaged, payload });
      await attempt(readAtRandom({ archive: damaged, payload }));
    }
  }
});

describe('a single bit', () => {
  /** Flips each bit, and collects those whose flip verify does not see. */
  async function unseenFlips(archive: Buffer): Promise<number[]> {
    const unseen: number[] = [];
    for (let bit = 0; bit < archive.length * 8; bit++) {
      archive[bit >> 3]! ^= 1 << (bit & 7);
      if (typeof (await verified({ archive, payload: undefined })) !== 'string') unseen.push(bit >> 3);
      archive[bit >> 3]! ^= 1 << (bit & 7);
    }
    return [...new Set(unseen)];
  }

  test('flips unseen only where it says something of a file, or is one: the format has no checksum', async () => {
    const { archive } = badVectors().find(({ name }) => name === 'ok-base')!;
    const unseen = await unseenFlips(Buffer.from(archive));
    const entries = [0, 74, 169, 243, 447];
    const fields = entries.flatMap((start) => [16, 17, ...range(24, 56)].map((at) => start + at));
    const contents = [...range(146, 151), ...range(315, 321), 519];
    expect(unseen.filter((at) => !fields.includes(at) && !contents.includes(at))).toEqual([]);
    expect(unseen).toEqual(expect.arrayContaining(contents));
  });
});

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}

test('a chunk that is reused by its maker does no harm', async () => {
  for (const vector of goldenVectors()) {
    const { archive, payload } = vector;
    const inPieces = describeAll(
      unpackPxar(overwriting(archive, 50), { payload: payload && overwriting(payload, 50) }),
    );
    const whole = describeAll(unpackPxar(inOnePiece(archive), { payload: payload && inOnePiece(payload) }));
    expect(await inPieces).toEqual(await whole);
  }
});
