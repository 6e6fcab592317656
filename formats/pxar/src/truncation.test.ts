import { ArchiveError } from '@vzdump-format/streams';
import { overwriting, seededRandom } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import { ITEM, ITEM_HEADER_SIZE, itemTypeAt, readU64 } from './format.js';
import { type UnpackPxarOptions, unpackPxar } from './read/unpack.js';
import { goldenVectors } from './testing/vectors.js';
import { readAtRandom } from './testing/walk.js';

/** Of the larger vectors, not every boundary is tried. */
const MOST_CUTS = 150;

const VECTORS = goldenVectors().filter(({ name }) => name !== 'trailing-bytes');

/** Where each item begins, and where its content does. */
function boundaries(bytes: Buffer): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const found: number[] = [];
  for (let at = 0; at + ITEM_HEADER_SIZE <= bytes.length; ) {
    found.push(at, at + ITEM_HEADER_SIZE);
    const isMarker = itemTypeAt(view, at) === undefined;
    at += isMarker ? 1 : readU64(view, at + 8);
  }
  return found;
}

function cuts(bytes: Buffer): number[] {
  const random = seededRandom(bytes.length);
  const near = boundaries(bytes).flatMap((at) => [at - 1, at, at + 1]);
  const anywhere = Array.from({ length: 20 }, () => random(bytes.length));
  const all = [...new Set([...near, ...anywhere])].filter((at) => at >= 0 && at < bytes.length);
  return all.filter((_, index) => index % Math.ceil(all.length / MOST_CUTS) === 0);
}

async function drain(archive: Uint8Array, options: UnpackPxarOptions): Promise<void> {
  for await (const entry of unpackPxar(overwriting(archive, 'random'), options)) {
    if (entry.content && !(entry.content instanceof Uint8Array)) for await (const _ of entry.content);
  }
}

describe.each(VECTORS)('$name', ({ archive, payload }) => {
  const payloadChunks = () => payload && overwriting(payload, 'random');

  test.each([{ verify: false }, { verify: true }, { metadataOnly: true }])(
    'cut short anywhere, it is refused, and the error tells where it ends: %o',
    async (options) => {
      for (const end of cuts(archive)) {
        const reading = drain(archive.subarray(0, end), { payload: payloadChunks(), ...options });
        await expect(reading, `cut at ${end}`).rejects.toMatchObject({ code: 'PXAR_TRUNCATED', offset: end });
      }
    },
  );

  test('cut short anywhere, it is refused at random', async () => {
    for (const end of cuts(archive)) {
      const reading = readAtRandom({ archive: archive.subarray(0, end), payload });
      await expect(reading, `cut at ${end}`).rejects.toBeInstanceOf(ArchiveError);
    }
  });

  test('so it is when the payload stream is cut short', async () => {
    if (payload === undefined) return;
    for (const end of cuts(payload)) {
      const reading = drain(archive, { payload: overwriting(payload.subarray(0, end), 'random') });
      const codes = /^PXAR_(TRUNCATED|PAYLOAD_TAIL)$/;
      await expect(reading, `cut at ${end}`).rejects.toMatchObject({ code: expect.stringMatching(codes) });
    }
  });
});

test('the cuts are at every item', () => {
  const { archive } = VECTORS.find(({ name }) => name === 'types')!;
  const view = new DataView(archive.buffer, archive.byteOffset, archive.length);
  const types = new Set(boundaries(archive).map((at) => at <= archive.length - 16 && itemTypeAt(view, at)));
  expect(types).toContain(ITEM.HARDLINK);
  expect(types).toContain(ITEM.GOODBYE);
  expect(types).toContain(ITEM.DEVICE);
});
