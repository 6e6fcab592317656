import { ArchiveError, BufferSource } from '@vzdump-format/streams';
import { chunked, seededRandom } from '@vzdump-format/testing';
import { expect, test } from 'vitest';
import { BLOCK_SIZE } from './format.js';
import { openTar } from './read/random-access.js';
import { unpackTar } from './read/unpack.js';
import { goldenArchive } from './testing/archives.js';
import { repairChecksum } from './testing/built-archive.js';
import { readEntries } from './testing/entries.js';

const NAMES = [
  'gnu-gnu',
  'gnu-posix',
  'gnu-sparse-old',
  'gnu-sparse-0.1',
  'vzdump-sparse',
  'bsd-attributes',
  'gnu-incremental',
];
const ROUNDS = 80;

/** Reads all there is to read. @returns the code of the error, if there was one */
async function readAll(bytes: Uint8Array): Promise<string | undefined> {
  try {
    await readEntries(unpackTar(chunked(bytes, 65536)));
    return undefined;
  } catch (error) {
    if (error instanceof ArchiveError) return error.code;
    throw error;
  }
}

async function openAll(bytes: Uint8Array): Promise<string | undefined> {
  try {
    const archive = await openTar(new BufferSource(bytes));
    for await (const { path } of archive.entries()) await archive.open(path).catch(onlyArchiveErrors);
    return undefined;
  } catch (error) {
    if (error instanceof ArchiveError) return error.code;
    throw error;
  }
}

function onlyArchiveErrors(error: unknown): void {
  if (!(error instanceof ArchiveError)) throw error;
}

function headersOf(bytes: Buffer): number[] {
  const offsets: number[] = [];
  for (let at = 0; at < bytes.length; at += BLOCK_SIZE) {
    if (bytes.toString('latin1', at + 257, at + 262) === 'ustar') offsets.push(at);
  }
  return offsets;
}

test.each(NAMES)('%s: bytes changed anywhere end in an error of ours, or in other entries', async (name) => {
  const good = goldenArchive(name);
  const random = seededRandom(1);
  const codes = new Set<string | undefined>();
  for (let round = 0; round < ROUNDS; round++) {
    const bytes = Buffer.from(good);
    for (let count = 1 + random(4); count > 0; count--) bytes[random(bytes.length)] = random(256);
    codes.add(await readAll(bytes));
  }
  expect(codes.size).toBeGreaterThan(1);
});

test.each(NAMES)('%s: headers changed, and their checksums repaired', async (name) => {
  const good = goldenArchive(name);
  const headers = headersOf(good);
  const random = seededRandom(2);
  const codes = new Set<string | undefined>();
  for (let round = 0; round < ROUNDS; round++) {
    const bytes = Buffer.from(good);
    const at = headers[random(headers.length)]!;
    const block = bytes.subarray(at, at + BLOCK_SIZE);
    for (let count = 1 + random(3); count > 0; count--) block[random(BLOCK_SIZE)] = random(256);
    if (random(4) === 0) block[156] = 'xgLKSMVD7123456'.charCodeAt(random(15));
    if (random(4) === 0) block.fill(0xff, 124, 124 + random(12));
    repairChecksum(block);
    codes.add(await readAll(bytes));
    codes.add(await openAll(bytes));
  }
  expect(codes.size).toBeGreaterThan(3);
});

test.each(NAMES)('%s: blocks lost, doubled and swapped', async (name) => {
  const good = goldenArchive(name);
  const random = seededRandom(3);
  const blocks = good.length / BLOCK_SIZE;
  const block = () => {
    const at = random(blocks) * BLOCK_SIZE;
    return good.subarray(at, at + BLOCK_SIZE);
  };
  for (let round = 0; round < ROUNDS; round++) {
    const cut = random(blocks) * BLOCK_SIZE;
    const rest = good.subarray(cut + random(3) * BLOCK_SIZE);
    await readAll(Buffer.concat([good.subarray(0, cut), ...Array.from({ length: random(3) }, block), rest]));
  }
});
