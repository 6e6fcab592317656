import { pathToBytes } from '@vzdump-format/posix';
import { BufferSource, readChunks } from '@vzdump-format/streams';
import { collect, noise, overwriting, sha256 } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import { CountingSource } from '../testing/bytes.js';
import { contentOf } from '../testing/listing.js';
import { directoryOf, entryOf, fileOf, pack, ROOT } from '../testing/packing.js';
import { goldenVectors } from '../testing/vectors.js';
import { open, walk } from '../testing/walk.js';
import type { PxarEntry } from './entry-reader.js';
import { openPxar } from './random-access.js';
import { unpackPxar } from './unpack.js';

const VECTORS = goldenVectors().filter(({ accessor }) => accessor.ok);

/** Entries with the hashes of their contents. */
async function withHashes(entries: AsyncIterable<PxarEntry>): Promise<object[]> {
  const all: object[] = [];
  for await (const entry of entries) {
    all.push({ ...entry, content: entry.content && sha256(await contentOf(entry)) });
  }
  return all;
}

describe.each(VECTORS)('$name', (vector) => {
  const { archive: bytes, payload, accessor } = vector;
  const unpacked = () =>
    withHashes(unpackPxar(overwriting(bytes, 1000), { payload: payload && overwriting(payload, 1000) }));

  test('walked at random, it has what it has in a row', async () => {
    const archive = await open(vector);
    expect(await withHashes(walk(archive))).toEqual(await unpacked());
  });

  test('entries are where the crate finds them', async () => {
    const archive = await open(vector);
    const found: number[] = [];
    for await (const { archiveOffset } of walk(archive)) found.push(archiveOffset);
    const expected = accessor.entries.slice(1).map(({ filename_offset }) => filename_offset);
    expect(found.slice(1)).toEqual(expected.sort((a, b) => a! - b!));
  });

  test('every path is looked up, and its bytes are at rest', async () => {
    const archive = await open(vector);
    for await (const entry of walk(archive)) {
      const found = await archive.stat(entry.path);
      expect(found?.path).toBe(entry.path);
      if (vector.name !== 'dup-names') expect(found?.archiveOffset).toBe(entry.archiveOffset);
      if (entry.type !== 'file') continue;
      const file = await archive.open(entry);
      expect(await collect(readChunks(file))).toEqual(Buffer.from(await contentOf(entry)));
    }
    expect(await archive.stat('absent')).toBeUndefined();
    expect(await archive.stat(`${'a/'.repeat(2000)}b`)).toBeUndefined();
  });

  test('hardlinks lead to the files that they name', async () => {
    const archive = await open(vector);
    for await (const entry of walk(archive)) {
      if (entry.type !== 'hardlink') continue;
      const target = await archive.resolve(entry);
      expect(target.path).toBe(entry.linkTarget);
      expect(target.archiveOffset).toBe(entry.linkOffset);
      const bytesOfLink = await collect(readChunks(await archive.open(entry)));
      expect(bytesOfLink).toEqual(await collect(readChunks(await archive.open(target))));
    }
  });
});

test('a name that is there twice is the one that the crate finds', async () => {
  const vector = VECTORS.find(({ name }) => name === 'dup-names')!;
  const archive = await open(vector);
  const first = vector.accessor.entries[1]!; // the root of the tree
  expect((await archive.stat('same'))?.archiveOffset).toBe(first.filename_offset);
});

describe('what is no path of an archive is not in it', () => {
  test.each(['.', '..', '/', 'a/', '/a-file', './a-file', 'a-file/', 'a-file/x', 'd-dir/..', 'g-symlink/x'])(
    '%s',
    async (path) => {
      const archive = await open(VECTORS.find(({ name }) => name === 'types')!);
      expect(await archive.stat(path)).toBeUndefined();
    },
  );
});

describe('what cannot be done', () => {
  const types = VECTORS.find(({ name }) => name === 'types')!;

  test('to read a directory as a file', async () => {
    const archive = await open(types);
    await expect(archive.open('d-dir')).rejects.toMatchObject({ code: 'ENTRY_KIND', entry: 'd-dir' });
    await expect(archive.open('absent')).rejects.toMatchObject({ code: 'ENTRY_NOT_FOUND', entry: 'absent' });
    await expect(archive.open('e-fifo')).rejects.toMatchObject({ code: 'ENTRY_KIND' });
  });

  test('to list a file, or what is not there', async () => {
    const archive = await open(types);
    for (const path of ['a-file', 'absent', 'h-hardlink']) {
      const code = path === 'absent' ? 'ENTRY_NOT_FOUND' : 'ENTRY_KIND';
      await expect(archive.list(path).next()).rejects.toMatchObject({ code, entry: path });
    }
  });

  test('to read a split archive without its payload stream', async () => {
    const { archive } = VECTORS.find(({ name }) => name === 'types-v2')!;
    const opened = await openPxar(new BufferSource(archive));
    const entry = await opened.stat('a-file');
    expect(entry).toMatchObject({ size: 6 });
    await expect(opened.open('a-file')).rejects.toMatchObject({ code: 'PXAR_PAYLOAD_MISSING' });
  });
});

describe('only what is needed is read', () => {
  const CONTENT = Uint8Array.from(noise(4096));

  async function pack20000(): Promise<Uint8Array> {
    const files = Array.from({ length: 20_000 }, (_, index) =>
      entryOf({ path: `file-${index}`, type: 'file', content: CONTENT }),
    );
    const inside = [fileOf('zdeep/a'), directoryOf('zdeep/er'), fileOf('zdeep/er/b', 'found')];
    const { archive } = await pack([ROOT, ...files, directoryOf('zdeep'), ...inside]);
    return archive;
  }

  const large = pack20000();

  test('of 80 MB with 20,000 files', async () => {
    const source = new CountingSource(await large);
    const archive = await openPxar(source);
    expect(source.bytesRead).toBeLessThan(32 * 1024);

    const counted = async (work: () => Promise<unknown>) => {
      const before = { bytes: source.bytesRead, reads: source.reads };
      await work();
      return { bytes: source.bytesRead - before.bytes, reads: source.reads - before.reads };
    };
    for (const index of [0, 1, 9_999, 19_999]) {
      const cost = await counted(async () => {
        expect((await archive.stat(`file-${index}`))?.path).toBe(`file-${index}`);
      });
      expect(cost.bytes).toBeLessThan(1024);
      expect(cost.reads).toBeLessThan(10);
    }
    const deep = await counted(async () => {
      const file = await archive.open('zdeep/er/b');
      expect((await collect(readChunks(file))).toString()).toBe('found');
    });
    expect(deep.bytes).toBeLessThan(8 * 1024);
    const absent = await counted(() => archive.stat('no-such-file'));
    expect(absent.bytes).toBeLessThan(512);
  });

  test('a file at any offset', async () => {
    const source = new CountingSource(await large);
    const archive = await openPxar(source);
    const file = await archive.open('file-777');
    const before = source.bytesRead;
    const buffer = new Uint8Array(100);
    expect(await file.read(buffer, 4000)).toBe(96);
    expect(buffer.subarray(0, 96)).toEqual(CONTENT.subarray(4000));
    expect(source.bytesRead - before).toBeLessThanOrEqual(100);
  });
});

test('paths that are not UTF-8 are looked up', async () => {
  const { archive } = await pack([ROOT, fileOf('\udcff\udcfe', 'x')]);
  const opened = await openPxar(new BufferSource(archive));
  const found = await opened.stat('\udcff\udcfe');
  expect(pathToBytes(found!.path)).toEqual(Buffer.from([0xff, 0xfe]));
});
