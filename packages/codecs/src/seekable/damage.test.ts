import { ArchiveError, BufferSource, type ByteSource } from '@vzdump-format/streams';
import { collect, overwriting, seededRandom } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import { codec, openSeekable } from '../registry.js';
import { mixedBytes, randomBytes } from '../testing/bytes.js';
import { resealed } from '../testing/index-files.js';
import { MUTATIONS } from '../testing/mutations.js';
import { readInOrder } from './segmented-source.js';

/** A long run is one of a thousand. */
const ROUNDS = Number(process.env.VZDUMP_FORMAT_DAMAGE_ROUNDS ?? 150);

const content = Buffer.concat([
  mixedBytes(900_000),
  Buffer.alloc(300_000),
  randomBytes(100_000),
  mixedBytes(900_000, 7),
]);

const KINDS: [string, object][] = [
  ['zstd', { seekable: false }],
  ['zstd', { windowLog: 27 }],
  ['gzip', {}],
  ['lzo', {}],
];

async function filesOf(name: string, options: object): Promise<{ file: Buffer; index: Buffer }> {
  const file = await collect(codec(name).compress(options)(overwriting(content, 65_536)));
  const index = await collect(codec(name).buildIndex(new BufferSource(file), { span: 256 << 10 }));
  return { file, index };
}

type Random = (below: number) => number;

function damaged(bytes: Buffer, random: Random): Buffer {
  if (random(3) > 0) return MUTATIONS[random(MUTATIONS.length)]!(bytes, random);
  const flipped = Buffer.from(bytes);
  flipped[random(bytes.length)]! ^= 1 << random(8);
  return flipped;
}

/** All of it in order. */
async function wholeOf(opened: ByteSource): Promise<void> {
  let at = 0;
  for await (const chunk of readInOrder(opened)) {
    const isRight = content.subarray(at, at + chunk.length).equals(chunk);
    if (!isRight) throw new Error(`wrong data at ${at}`);
    at += chunk.length;
  }
}

/** Here and there, each time another part is asked for. */
async function hereAndThere(opened: ByteSource, random: Random): Promise<void> {
  for (let reads = 0; reads < 6; reads++) {
    const offset = random(content.length);
    const buffer = Buffer.alloc(1 + random(60_000));
    const length = await opened.read(buffer, offset);
    const isRight = content.subarray(offset, offset + length).equals(buffer.subarray(0, length));
    if (!isRight) throw new Error(`wrong data at ${offset}`);
  }
}

/** What came of it: `right`, or the code of an error that says where. */
async function outcomeOf(work: () => Promise<unknown>): Promise<string> {
  try {
    await work();
    return 'right';
  } catch (error) {
    if (!(error instanceof ArchiveError)) throw error;
    const { code, offset } = error;
    // Of an index as a whole, or of what is no such file at all, there is no place.
    if (offset === undefined && !/^(INDEX_|NOT_SEEKABLE)/.test(code)) throw error;
    return code;
  }
}

describe.each(KINDS)('%s %o', (name, options) => {
  const expected = /^(right|ZSTD_.*|GZIP_.*|LZOP_.*|INDEX_.*|NOT_SEEKABLE|UNEXPECTED_END)$/;

  test('a damaged archive gives right data, or an error with its place', async () => {
    const { file, index } = await filesOf(name, options);
    const random = seededRandom(31);
    const outcomes = new Set<string>();
    for (let round = 0; round < ROUNDS; round++) {
      const source = new BufferSource(damaged(file, random));
      outcomes.add(await outcomeOf(() => collect(codec(name).buildIndex(source, { span: 256 << 10 }))));
      const opening = () => codec(name).openSeekable(source, { index: new BufferSource(index), threads: 2 });
      outcomes.add(await outcomeOf(async () => wholeOf(await opening())));
      outcomes.add(await outcomeOf(async () => hereAndThere(await opening(), random)));
    }
    for (const outcome of outcomes) expect(outcome).toMatch(expected);
    expect(outcomes.size).toBeGreaterThan(3);
  });

  test('a damaged index gives right data, or an error that names it', async () => {
    const { file, index } = await filesOf(name, options);
    const source = new BufferSource(file);
    const random = seededRandom(32);
    const outcomes = new Set<string>();
    for (let round = 0; round < ROUNDS; round++) {
      const bytes = damaged(index, random);
      const open = (of: Buffer) => openSeekable(source, { index: new BufferSource(of), threads: 2 });
      outcomes.add(await outcomeOf(async () => wholeOf(await open(bytes))));
      outcomes.add(await outcomeOf(async () => hereAndThere(await open(bytes), random)));
    }
    for (const outcome of outcomes) expect(outcome).toMatch(/^(right|INDEX_.*)$/);
    expect(outcomes).toContain('INDEX_DAMAGED');
  });

  test('neither does one that somebody has made so, with checksums that are right', async () => {
    const { file, index } = await filesOf(name, options);
    const source = new BufferSource(file);
    const random = seededRandom(33);
    const outcomes = new Set<string>();
    for (let round = 0; round < ROUNDS; round++) {
      const flipped = Buffer.from(index);
      // Not its end, which tells where all else is.
      for (let count = 1 + random(4); count > 0; count--)
        flipped[16 + random(index.length - 62)] = random(256);
      const open = () => openSeekable(source, { index: new BufferSource(resealed(flipped)), threads: 2 });
      outcomes.add(await outcomeOf(async () => wholeOf(await open())));
    }
    for (const outcome of outcomes) expect(outcome).toMatch(expected);
  });
});
