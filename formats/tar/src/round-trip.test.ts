import type { Extent, FileEntry } from '@vzdump-format/file-tree';
import { BufferSource, type ByteSource } from '@vzdump-format/streams';
import { chunked, collect, noise } from '@vzdump-format/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openTar } from './read/random-access.js';
import { unpackTar } from './read/unpack.js';
import { contentBytes, readEntries } from './testing/entries.js';
import { anyEntry } from './testing/generated-entries.js';
import { packTar } from './write/pack.js';

const FIELDS = [
  'path',
  'type',
  'mode',
  'uid',
  'gid',
  'mtime',
  'size',
  'linkTarget',
  'device',
  'extents',
] as const;
const ATTRIBUTES = ['acl', 'defaultAcl', 'fcaps', 'xattrs'] as const;

/** What must come back of an entry, comparable. */
async function comparable(entry: FileEntry): Promise<object> {
  const fields = Object.fromEntries(FIELDS.map((field) => [field, entry[field]]));
  const attributes = Object.fromEntries(ATTRIBUTES.map((field) => [field, plain(entry[field])]));
  const content = entry.content && (await contentBytes(entry.content)).toString('base64');
  return { ...fields, ...attributes, content };
}

function plain(value: unknown): unknown {
  if (value instanceof Map) return [...value].map(([name, bytes]) => [name, plain(bytes)]);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  return value;
}

async function inPieces(entry: FileEntry): Promise<FileEntry> {
  return entry.content instanceof Uint8Array
    ? { ...entry, content: chunked(entry.content, 'random') }
    : entry;
}

test('what is unpacked is what was packed', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyEntry, { maxLength: 5 }), async (entries) => {
      const given = await Promise.all(
        entries.map((entry, index) => (index % 2 === 0 ? entry : inPieces(entry))),
      );
      const archive = await collect(packTar(given));
      expect(archive.length % 10240).toBe(0);
      const unpacked: object[] = [];
      for await (const entry of unpackTar(chunked(archive, 'random'))) unpacked.push(await comparable(entry));
      expect(unpacked).toEqual(await Promise.all(entries.map(comparable)));
    }),
    { numRuns: 150 },
  );
});

test('what is packed again is the same, byte for byte', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyEntry, { maxLength: 4 }), async (entries) => {
      const archive = await collect(packTar(entries));
      const again = await collect(packTar(unpackTar(chunked(archive, 4096))));
      expect(again.equals(archive)).toBe(true);
    }),
    { numRuns: 60 },
  );
});

test('files read at random are what was packed', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyEntry, { maxLength: 4 }), async (entries) => {
      const archive = await collect(packTar(entries));
      const last = new Map(
        (await readEntries(unpackTar(chunked(archive, 65536)))).map((entry) => [entry.path, entry]),
      );
      const opened = await openTar(new BufferSource(archive));
      for (const [path, { type, content }] of last) {
        if (type !== 'file') continue;
        expect((await readAll(await opened.open(path))).equals(content!)).toBe(true);
      }
    }),
    { numRuns: 60 },
  );
});

async function readAll(source: ByteSource): Promise<Buffer> {
  const bytes = Buffer.alloc(source.size, 0xee);
  let at = 0;
  for (const length of [1, 511, 4096, bytes.length]) {
    at += await source.read(bytes.subarray(at, at + length), at);
  }
  return bytes;
}

/** Extents of any lengths, some nearer to the next than a block. */
const oddExtents = fc
  .array(fc.record({ hole: fc.integer({ min: 1, max: 1500 }), data: fc.integer({ min: 1, max: 1500 }) }), {
    maxLength: 8,
  })
  .map((gaps) => {
    let at = 0;
    const extents: Extent[] = gaps.map(({ hole, data }) => {
      at += hole + data;
      return { offset: at - data, length: data };
    });
    return { extents, size: at + 3 };
  });

test('extents that are not whole blocks are filled up, and the file is the same', async () => {
  await fc.assert(
    fc.asyncProperty(oddExtents, async ({ extents, size }) => {
      const file = Buffer.alloc(size);
      for (const { offset, length } of extents) noise(length, offset).copy(file, offset);
      const content = Buffer.concat(
        extents.map(({ offset, length }) => file.subarray(offset, offset + length)),
      );
      const entry = {
        path: 'f',
        type: 'file' as const,
        mode: 0o644,
        uid: 0,
        gid: 0,
        mtime: 0n,
        size,
        extents,
      };
      const packed = packTar([{ ...entry, content: chunked(content, 'random') }]);
      const [unpacked] = await readEntries(unpackTar(chunked(await collect(packed), 4096)));
      expect(unpacked!.content!.equals(file)).toBe(true);
      expect(unpacked!.storedSize).toBeLessThanOrEqual(content.length + extents.length * 512);
    }),
    { numRuns: 200 },
  );
});
