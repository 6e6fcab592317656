import { ArchiveError } from '@vzdump-format/streams';
import { CHUNK_SIZES, type ChunkSize, overwriting } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import { unpackPxar, verifyPxar } from './read/unpack.js';
import { contentOf } from './testing/listing.js';
import { badVectors, type VectorBytes } from './testing/vectors.js';
import { REFUSED_ON_PURPOSE, VERDICTS, WARNINGS } from './testing/verdicts.js';
import { readAtRandom } from './testing/walk.js';

const VECTORS = badVectors();

/** Reads all contents. Returns how many entries there are. */
async function unpackAll({ archive, payload }: VectorBytes, size: ChunkSize, warnings: string[] = []) {
  let entries = 0;
  const options = {
    payload: payload && overwriting(payload, size),
    onWarning: ({ code }: { code: string }) => void warnings.push(code),
  };
  for await (const entry of unpackPxar(overwriting(archive, size), options)) {
    await contentOf(entry);
    entries++;
  }
  return entries;
}

/** `read`, or the code and the offset of the error. Any other failure is thrown on. */
async function verdictOf(reading: Promise<unknown>): Promise<string> {
  return reading.then(
    () => 'read',
    (error: unknown) => {
      if (!(error instanceof ArchiveError)) throw error;
      return `${error.code.replace('PXAR_', '')} ${error.offset}`;
    },
  );
}

test('every vector has a verdict, and no other has', () => {
  expect(Object.keys(VERDICTS).sort()).toEqual(VECTORS.map(({ name }) => name).sort());
});

describe.each(VECTORS)('$name', (vector) => {
  const { name, archive, payload, read, accessor } = vector;
  const verdict = VERDICTS[name]!;
  const [unpacked, verified, opened] = typeof verdict === 'string' ? [verdict, verdict, verdict] : verdict;

  test.each(CHUNK_SIZES)('unpacked in chunks of %s', async (size) => {
    expect(await verdictOf(unpackAll(vector, size))).toBe(unpacked);
  });

  test.each([7, 4096])('verified in chunks of %s', async (size) => {
    const options = { payload: payload && overwriting(payload, size) };
    expect(await verdictOf(verifyPxar(overwriting(archive, size), options))).toBe(verified);
  });

  test('read at random', async () => {
    expect(await verdictOf(readAtRandom(vector))).toBe(opened);
  });

  test('is refused by all that should', () => {
    if (!read.ok) expect(unpacked).not.toBe('read');
    if (!read.ok || !accessor.ok || unpacked !== 'read') expect(verified).not.toBe('read');
    if (read.ok && unpacked !== 'read') expect(REFUSED_ON_PURPOSE).toContain(name);
    else expect(REFUSED_ON_PURPOSE).not.toContain(name);
  });

  test('what is read is all that the real reader finds, or is told', async () => {
    if (unpacked !== 'read') return;
    const warnings: string[] = [];
    const versionItem = payload === undefined || name === 'v2-no-version' ? 0 : 1; // it lists that as well
    expect((await unpackAll(vector, 4096, warnings)) + versionItem).toBe(read.entries);
    expect(warnings).toEqual(name in WARNINGS ? [WARNINGS[name]] : []);
  });
});
