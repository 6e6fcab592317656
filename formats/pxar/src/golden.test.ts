import { BufferSource } from '@vzdump-format/streams';
import type { PxarListing } from '@vzdump-format/test-vectors';
import { CHUNK_SIZES, lending, overwriting } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import type { PxarHeader } from './read/entry-reader.js';
import type { PxarInput } from './read/item-reader.js';
import { type UnpackPxarOptions, unpackPxar } from './read/unpack.js';
import { comparable, headerListing, listingOf } from './testing/listing.js';
import { goldenVectors } from './testing/vectors.js';

const VERSION_ITEM = '0da416df756c0f73';

describe.each(goldenVectors())('$name', (vector) => {
  const { archive, payload, decoder, accessor } = vector;
  const expected = decoder.entries.map(comparable);

  /** What the crate would list. */
  async function list(input: PxarInput, options: UnpackPxarOptions): Promise<PxarListing[]> {
    const listing: PxarListing[] = [];
    const hasVersionItem = archive.toString('hex', 0, 8) === VERSION_ITEM;
    const onHeader = (header: PxarHeader) => listing.push(...headerListing(header, hasVersionItem));
    for await (const entry of lending(unpackPxar(input, { onHeader, ...options }))) {
      listing.push(await listingOf(entry, payload !== undefined));
    }
    return listing;
  }

  test.each(CHUNK_SIZES)('lists as the crate does, in chunks of %s', async (size) => {
    const listing = await list(overwriting(archive, size), {
      payload: payload && overwriting(payload, size),
    });
    expect(listing).toEqual(expected);
  });

  test('lists as the crate does, at rest', async () => {
    const options = { payload: payload && new BufferSource(payload) };
    expect(await list(new BufferSource(archive), options)).toEqual(expected);
  });

  test('lists names and all without contents', async () => {
    const withoutHash = expected.map((listing) => ({ ...listing, sha256: undefined }));
    const listing = await list(overwriting(archive, 100), { metadataOnly: true });
    expect(listing.map((entry) => ({ ...entry, sha256: undefined }))).toEqual(withoutHash);
  });

  test('is verified, if the crate can read it at random', async () => {
    const payloadChunks = payload && overwriting(payload, 4096);
    const reading = list(overwriting(archive, 4096), { payload: payloadChunks, verify: true });
    if (accessor.ok) expect(await reading).toEqual(expected);
    else await expect(reading).rejects.toMatchObject({ code: 'PXAR_TRAILING_DATA', offset: 211 });
  });
});
