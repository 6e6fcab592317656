import { ArchiveError } from '@vzdump-format/streams';
import { collect, overwriting, seededRandom } from '@vzdump-format/testing';
import { expect, test } from 'vitest';
import { codecs } from './registry.js';
import { mixedBytes, randomBytes } from './testing/bytes.js';

const ROUNDS = 600;

type Random = ReturnType<typeof seededRandom>;

/** Ways in which a file comes to harm. */
const MUTATIONS: readonly ((bytes: Buffer, random: Random) => Buffer)[] = [
  (bytes, random) => {
    const changed = Buffer.from(bytes);
    for (let count = 2 + random(8); count > 0; count--) changed[place(bytes, random)] = random(256);
    return changed;
  },
  (bytes, random) => bytes.subarray(0, place(bytes, random)),
  (bytes, random) => {
    const at = place(bytes, random);
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + random(100))]);
  },
  (bytes, random) => {
    const at = place(bytes, random);
    const inserted = randomBytes(1 + random(50), at);
    return Buffer.concat([bytes.subarray(0, at), inserted, bytes.subarray(at)]);
  },
  (bytes, random) => {
    const at = place(bytes, random);
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(place(bytes, random))]);
  },
  (bytes, random) => {
    const at = place(bytes, random);
    const value = random(2) < 1 ? 0 : 0xff;
    return Buffer.from(bytes.map((byte, index) => (index >= at && index < at + 40 ? value : byte)));
  },
  (bytes, random) =>
    Buffer.concat([bytes.subarray(0, 4 + random(16)), randomBytes(200, place(bytes, random))]),
];

/** Whether it is the content, or that several times, or nothing. */
function isMadeOf(result: Buffer, content: Buffer): boolean {
  const times = Math.round(result.length / content.length);
  return result.equals(Buffer.concat(Array.from({ length: times }, () => content)));
}

function place(bytes: Buffer, random: Random): number {
  // The beginning, with its headers, as often as all the rest.
  return random(random(2) < 1 ? Math.min(64, bytes.length) : bytes.length);
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
