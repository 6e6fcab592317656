import { type ByteSource, readChunks } from '@vzdump-format/streams';
import { collect, noise } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import { wholeContent } from '../entry/content.js';
import type { FileEntry } from '../entry/entry.js';
import type { TreeSource } from '../source/tree-source.js';

const LARGE = noise(300_000);
const SPARSE = Buffer.concat([Buffer.alloc(200_000), noise(100_000, 2), Buffer.alloc(5)]);
const UNDECODABLE = 'zz-\udcff\udcfe';

const PLAIN = { uid: 0, gid: 0, mtime: 1_700_000_000_123_456_789n } as const;

function entryOf(path: string, type: FileEntry['type'], details: Partial<FileEntry> = {}): FileEntry {
  return { ...PLAIN, path, type, mode: type === 'directory' ? 0o755 : 0o644, size: 0, ...details };
}

function fileOf(path: string, content: Uint8Array): FileEntry {
  return entryOf(path, 'file', { size: content.length, content });
}

/** What every tree is made of, in the order of a walk. */
const ENTRIES: readonly FileEntry[] = [
  entryOf('', 'directory'),
  entryOf('dir', 'directory'),
  entryOf('dir/empty', 'directory'),
  fileOf('dir/large', LARGE),
  entryOf('dir/other', 'hardlink', { linkTarget: 'dir/large', mode: 0 }),
  entryOf('dir-file', 'file', { content: new Uint8Array() }),
  entryOf('fifo', 'fifo'),
  fileOf('small', Buffer.from('small')),
  entryOf('sparse', 'file', {
    size: SPARSE.length,
    extents: [{ offset: 200_000, length: 100_000 }],
    content: SPARSE.subarray(200_000, 300_000),
  }),
  entryOf('symlink', 'symlink', { linkTarget: 'dir/large' }),
  fileOf('ü', Buffer.from('not ASCII')),
  fileOf(UNDECODABLE, Buffer.from('not UTF-8')),
].sort((a, b) => Buffer.compare(sortKey(a), sortKey(b)));

const CONTENTS = new Map<string, Buffer>([
  ['dir/large', LARGE],
  ['dir/other', LARGE],
  ['dir-file', Buffer.alloc(0)],
  ['small', Buffer.from('small')],
  ['sparse', SPARSE],
  ['ü', Buffer.from('not ASCII')],
  [UNDECODABLE, Buffer.from('not UTF-8')],
]);
const NOT_THERE = [
  'absent',
  '../small',
  'dir/../small',
  'dir/absent',
  'absent/x',
  'small/x',
  'symlink/x',
  'symlink/large',
  'larg',
  'dir/larg',
];

/** What every TreeSource promises. @param setUp makes one of these entries, within a test */
export function testTreeSource(
  name: string,
  setUp: (entries: readonly FileEntry[]) => TreeSource | Promise<TreeSource>,
): void {
  describe(`${name} is a TreeSource`, () => {
    const paths = ENTRIES.map(({ path }) => path);
    const open = async () => await setUp(ENTRIES);

    test('stat tells what has a path, without its content', async () => {
      const tree = await open();
      for (const { path, type, size, linkTarget } of ENTRIES) {
        const found = await tree.stat(path);
        if (path === 'dir/other') expect(['file', 'hardlink']).toContain(found?.type);
        else expect(found, path).toMatchObject({ path, type, size, ...(linkTarget && { linkTarget }) });
        expect(found?.content, path).toBeUndefined();
      }
      for (const path of NOT_THERE) expect(await tree.stat(path), path).toBeUndefined();
    });

    test('list has what is in a directory, and only that', async () => {
      const tree = await open();
      for (const { path: directory, type } of ENTRIES) {
        if (type !== 'directory') continue;
        const inIt = paths.filter((path) => path !== '' && parentOf(path) === directory);
        const listed: FileEntry[] = [];
        for await (const entry of tree.list(directory)) listed.push(entry);
        expect(listed.map(({ path }) => path).sort(), directory).toEqual(inIt.sort());
        for (const { content } of listed) expect(content).toBeUndefined();
      }
    });

    test('list says what is no directory', async () => {
      const tree = await open();
      const listed = async (path: string) => {
        for await (const _ of tree.list(path));
      };
      for (const path of NOT_THERE)
        await expect(listed(path), path).rejects.toMatchObject({ code: 'ENTRY_NOT_FOUND', entry: path });
      for (const path of ['small', 'symlink', 'fifo'])
        await expect(listed(path), path).rejects.toMatchObject({ code: 'ENTRY_KIND', entry: path });
    });

    test('open gives the bytes of a file, holes and hardlinks included', async () => {
      const tree = await open();
      for (const [path, content] of CONTENTS) {
        const file = await tree.open(path);
        expect(file.size, path).toBe(content.length);
        expect((await collect(readChunks(file, { chunkSize: 70_000 }))).equals(content), path).toBe(true);
        await file.close();
      }
    });

    test('open reads at any offset, also before the one read last', async () => {
      const file = await (await open()).open('dir/large');
      for (const [offset, length] of [
        [250_000, 10_000],
        [10, 7],
        [299_999, 1],
        [0, 100_000],
      ] as const)
        expect((await bytesAt(file, offset, length)).equals(LARGE.subarray(offset, offset + length))).toBe(
          true,
        );
      await file.close();
    });

    test('open says what is no file', async () => {
      const tree = await open();
      for (const path of NOT_THERE)
        await expect(tree.open(path), path).rejects.toMatchObject({ code: 'ENTRY_NOT_FOUND' });
      for (const path of ['', 'dir', 'fifo', 'symlink'])
        await expect(tree.open(path), path).rejects.toMatchObject({ code: 'ENTRY_KIND', entry: path });
    });

    test('entries has all, in order, with contents', async () => {
      const tree = await open();
      const found = await entriesOf(tree, undefined);
      expect([...found.keys()]).toEqual(paths);
      for (const [path, content] of found) {
        const expected = path === 'dir/other' ? undefined : CONTENTS.get(path);
        if (expected === undefined) expect(content, path).toBeUndefined();
        else expect(content?.equals(expected), path).toBe(true);
      }
    });

    test('entries of a path has that, and what is below it', async () => {
      const tree = await open();
      const below = paths.filter((path) => path === 'dir' || path.startsWith('dir/'));
      expect([...(await entriesOf(tree, 'dir')).keys()]).toEqual(below);
      const [one, ...others] = await entriesOf(tree, 'small');
      expect(one).toEqual(['small', Buffer.from('small')]);
      expect(others).toEqual([]);
      for (const path of NOT_THERE)
        await expect(entriesOf(tree, path), path).rejects.toMatchObject({ code: 'ENTRY_NOT_FOUND' });
    });
  });
}

/** As a walk sorts: by the bytes of each name. */
function sortKey({ path }: FileEntry): Buffer {
  const bytes = Buffer.from(path, 'utf8');
  return Buffer.from(bytes.map((byte) => (byte === 0x2f ? 0 : byte)));
}

function parentOf(path: string): string {
  return path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : '';
}

async function bytesAt(file: ByteSource, offset: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  expect(await file.read(buffer, offset)).toBe(length);
  return buffer;
}

async function entriesOf(
  tree: TreeSource,
  path: string | undefined,
): Promise<Map<string, Buffer | undefined>> {
  const found = new Map<string, Buffer | undefined>();
  for await (const entry of tree.entries(path))
    found.set(entry.path, entry.type === 'file' ? await collect(wholeContent(entry)) : undefined);
  return found;
}
