import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { FileEntry } from '@vzdump-format/file-tree';
import { chunked, collect, noise, overwriting } from '@vzdump-format/testing';
import { expect, test } from 'vitest';
import type { PxarEntry } from './read/entry-reader.js';
import { createUnpackPxar, unpackPxar } from './read/unpack.js';
import { inOnePiece } from './testing/bytes.js';
import { contentOf } from './testing/listing.js';
import { entryOf, fileOf, pack, ROOT } from './testing/packing.js';
import { createPackPxar, packPxar } from './write/pack.js';

const LARGE = noise(1_000_000);
const ENTRIES = [
  ROOT,
  ...Array.from({ length: 50 }, (_, index) => fileOf(`small-${index}`, 'x'.repeat(index))),
  ...['a', 'b', 'c'].map((path) => entryOf({ path, type: 'file', content: LARGE })),
  fileOf('z', 'end'),
];

test('createPackPxar gives the bytes of packPxar', async () => {
  const { archive } = await pack(ENTRIES);
  const chunks: Buffer[] = [];
  const sink = new Writable({
    write(chunk: Buffer, _, done) {
      chunks.push(chunk);
      done();
    },
  });
  await pipeline(Readable.from(ENTRIES), createPackPxar(), sink);
  expect(Buffer.concat(chunks).equals(archive)).toBe(true);
});

test('createUnpackPxar waits until contents are read, or given up', async () => {
  const { archive } = await pack(ENTRIES);
  const found: string[] = [];
  await pipeline(overwriting(archive, 10_000), createUnpackPxar(), async (entries) => {
    for await (const entry of entries as AsyncIterable<PxarEntry>) {
      if (entry.path === 'b') {
        for await (const _ of entry.content as AsyncIterable<Uint8Array>) break;
      } else if (entry.type === 'file') {
        const content = await contentOf(entry);
        found.push(`${entry.path} ${content.length}`);
        if (entry.size === LARGE.length) expect(Buffer.from(content).equals(LARGE)).toBe(true);
      }
    }
  });
  const expected = ENTRIES.filter(({ type, path }) => type === 'file' && path !== 'b');
  expect(found).toEqual(expected.map(({ path, size }) => `${path} ${size}`));
});

test('createUnpackPxar can be destroyed while it waits for somebody to read', async () => {
  const { archive } = await pack(ENTRIES);
  let closed = () => {};
  const isClosed = new Promise<void>((resolve) => {
    closed = resolve;
  });
  async function* source(): AsyncGenerator<Uint8Array> {
    try {
      yield* chunked(archive, 10_000);
    } finally {
      closed();
    }
  }
  const reading = pipeline(source(), createUnpackPxar(), async (entries) => {
    for await (const { path } of entries as AsyncIterable<PxarEntry>) {
      if (path === 'a') throw new Error('enough');
    }
  });
  await expect(reading).rejects.toThrow('enough');
  await isClosed;
});

test('an error reaches whoever reads the duplex', async () => {
  const { archive } = await pack(ENTRIES);
  const reading = pipeline(inOnePiece(archive.subarray(0, 300)), createUnpackPxar(), async (entries) => {
    for await (const _ of entries as AsyncIterable<PxarEntry>);
  });
  await expect(reading).rejects.toMatchObject({ code: 'PXAR_TRUNCATED', offset: 300 });
});

test('the generators themselves are stages', async () => {
  const { archive } = await pack(ENTRIES);
  let packed: Buffer | undefined;
  await pipeline(
    Readable.from(chunked(archive, 512)),
    (source: AsyncIterable<Uint8Array>) => unpackPxar(source),
    (entries: AsyncIterable<FileEntry>) => packPxar(entries),
    async (chunks: AsyncIterable<Uint8Array>) => {
      packed = await collect(chunks);
    },
  );
  expect(packed!.equals(archive)).toBe(true);
});
