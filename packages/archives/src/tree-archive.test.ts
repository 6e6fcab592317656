import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { codec } from '@vzdump-format/codecs';
import type { FileEntry } from '@vzdump-format/file-tree';
import { testTreeSource } from '@vzdump-format/file-tree/testing';
import { collect, scratch } from '@vzdump-format/testing';
import { expect, onTestFinished, test } from 'vitest';
import type { TreeFormat } from './archive-format.js';
import { formatNamed } from './formats.js';
import { type OpenArchive, openArchive } from './open-archive.js';
import { openTree, treeConfig } from './tree-archive.js';

async function* each(entries: readonly FileEntry[]): AsyncGenerator<FileEntry> {
  yield* entries;
}

async function packed(name: string, entries: readonly FileEntry[]): Promise<string> {
  const [, format, compression] = name.split('.');
  const path = join(await scratch(), name);
  const archive = (formatNamed(format!) as TreeFormat).pack(each(entries), {});
  await writeFile(path, await collect(codec(compression ?? 'none').compress({ seekable: false })(archive)));
  return path;
}

async function opened(input: string | AsyncIterable<Uint8Array>): Promise<OpenArchive> {
  const archive = await openArchive(input, { parts: true });
  onTestFinished(() => archive.close());
  return archive;
}

const treeIn = ({ format, ...archive }: OpenArchive) => openTree(format as TreeFormat, archive, {});

for (const [name, access] of [
  ['a.tar', 'random'],
  ['a.tar.lzo', 'random'],
  ['a.pxar', 'random'],
  ['a.tar.zst', 'scan'],
  ['a.pxar.gzip', 'scan'],
] as const) {
  testTreeSource(`what is in ${name}`, async (entries) => {
    const tree = treeIn(await opened(await packed(name.replace('zst', 'zstd'), entries)));
    expect(tree.access).toBe(access);
    return tree;
  });
}

test('what comes as a stream is read once', async () => {
  async function* stream() {
    const entry = { path: 'b', type: 'fifo', mode: 0o644, uid: 0, gid: 0, mtime: 0n, size: 0 } as const;
    yield* (formatNamed('tar') as TreeFormat).pack(each([entry]), {});
  }
  const tree = treeIn(await opened(stream()));
  expect(await tree.stat('a')).toBeUndefined();
  for await (const _ of tree.list(''));
  const again = async () => {
    for await (const _ of tree.entries());
  };
  await expect(again()).rejects.toMatchObject({ code: 'ARCHIVE_CONSUMED' });
});

test.each(['a.tar', 'a.pxar'])(
  'what is damaged behind a configuration does not hinder it: %s',
  async (name) => {
    const plain = { mode: 0o644, uid: 0, gid: 0, mtime: 0n } as const;
    const file = (path: string, content: Uint8Array): FileEntry => ({
      ...{ ...plain, path, type: 'file', size: content.length, content },
    });
    const directory = (path: string): FileEntry => ({
      ...plain,
      path,
      type: 'directory',
      mode: 0o755,
      size: 0,
    });
    const data = Buffer.from('arch: amd64\n');
    const path = await packed(name, [
      ...['', 'etc', 'etc/vzdump'].map(directory),
      file('etc/vzdump/pct.conf', data),
      file('zz', new Uint8Array(200_000)),
    ]);
    await truncate(path, 100_000);
    expect(Buffer.from(await treeConfig(treeIn(await opened(path)), undefined))).toEqual(data);
  },
);
