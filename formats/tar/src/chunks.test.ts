import { CHUNK_SIZES, chunked, collect, overwriting } from '@vzdump-format/testing';
import { expect, test } from 'vitest';
import { unpackTar, verifyTar } from './read/unpack.js';
import { readableArchives } from './testing/archives.js';
import { CRAFTED } from './testing/crafted.js';
import { describeEntries } from './testing/entries.js';
import { packTar } from './write/pack.js';

const archives = readableArchives();
/** A few bytes at a time take long; what they could find, they find in a small archive. */
const LARGEST_IN_TINY_CHUNKS = 100 * 1024;

for (const producer of [chunked, overwriting]) {
  test.each(CHUNK_SIZES)(`every archive in chunks of %s (${producer.name}) says the same`, async (size) => {
    for (const { name, bytes } of archives) {
      if (Number(size) < 100 && bytes.length > LARGEST_IN_TINY_CHUNKS) continue;
      const expected = await describeEntries(unpackTar(chunked(bytes, bytes.length || 1)));
      expect(await describeEntries(unpackTar(producer(bytes, size))), name).toEqual(expected);
    }
  });
}

test.each(CHUNK_SIZES)('every bad archive in chunks of %s is refused for the same reason', async (size) => {
  const refused = CRAFTED.filter(({ ours }) => ours.length === 1 && ours[0]!.startsWith('TAR_'));
  expect(refused.length).toBeGreaterThan(40);
  for (const { name, bytes, ours } of refused) {
    await expect(verifyTar(overwriting(bytes, size)), name).rejects.toMatchObject({ code: ours[0] });
  }
});

test('content that is not read, or in part, is passed over', async () => {
  for (const { name, bytes } of archives) {
    const expected: string[] = [];
    for await (const { storedName } of unpackTar(chunked(bytes, 4096))) expected.push(storedName);
    const found: string[] = [];
    for await (const { storedName, content } of unpackTar(overwriting(bytes, 4096))) {
      found.push(storedName);
      if (content === undefined || content instanceof Uint8Array) continue;
      for await (const _ of content) break;
    }
    expect(found, name).toEqual(expected);
  }
});

test('what is packed does not depend on the chunks of content', async () => {
  const { bytes } = archives.find(({ name }) => name === 'vzdump-full')!;
  const expected = await collect(packTar(unpackTar(chunked(bytes, 1 << 20))));
  for (const size of CHUNK_SIZES) {
    if (size === 1) continue;
    const packed = packTar(unpackTar(overwriting(bytes, size)));
    expect((await collect(packed)).equals(expected)).toBe(true);
  }
});
