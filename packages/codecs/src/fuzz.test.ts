import { ArchiveError } from '@vzdump-format/streams';
import { collect, overwriting, seededRandom } from '@vzdump-format/testing';
import { expect, test } from 'vitest';
import { codecs } from './registry.js';
import { mixedBytes, randomBytes } from './testing/bytes.js';
import { MUTATIONS } from './testing/mutations.js';

const ROUNDS = 600;

/** Whether it is the content, or that several times, or nothing. */
function isMadeOf(result: Buffer, content: Buffer): boolean {
  const times = Math.round(result.length / content.length);
  return result.equals(Buffer.concat(Array.from({ length: times }, () => content)));
}

test.each(codecs.filter((row) => row.canCompress && !row.isIdentity))(
  '$name: whatever the input, it ends with what it was or with a named error',
  async (row) => {
    const random = seededRandom(2026);
    const contents = [mixedBytes(5000), randomBytes(2000), Buffer.alloc(40_000), Buffer.from('x')];
    const files = await Promise.all(
      contents.map((content) => collect(row.compress()(overwriting(content, 'random')))),
    );
    let errors = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const mutate = MUTATIONS[round % MUTATIONS.length]!;
      const damaged = mutate(files[random(files.length)]!, random);
      const size = 1 + random(5000);
      const result = await collect(row.decompress()(overwriting(damaged, size))).catch(
        (error: unknown) => error,
      );
      if (result instanceof Buffer) {
        // Harm to what means nothing (a time), between two parts that are whole, or to a seek table.
        expect(contents.some((content) => isMadeOf(result, content))).toBe(true);
      } else {
        expect(result).toBeInstanceOf(ArchiveError);
        expect((result as ArchiveError).code).toMatch(/^(LZOP|GZIP|ZSTD)_/);
        errors++;
      }
    }
    expect(errors).toBeGreaterThan(ROUNDS / 2);
  },
);
