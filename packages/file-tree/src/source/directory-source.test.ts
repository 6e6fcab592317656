import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openFilesIn, scratch } from '@vzdump-format/testing';
import { expect, test } from 'vitest';
import { pxarExcludes } from '../excludes/excludes.js';
import { restoreTree } from '../restore/restore.js';
import { testTreeSource } from '../testing/tree-source-contract.js';
import { openDirectoryTree } from './directory-source.js';

testTreeSource('a directory', async (entries) => {
  const directory = join(await scratch(), 'tree');
  await restoreTree(arrayOf(entries), directory, { owner: false });
  return openDirectoryTree(directory);
});

test('nothing leads out of a directory, and no file stays open', async () => {
  const directory = await scratch();
  await mkdir(join(directory, 'tree'));
  await writeFile(join(directory, 'outside'), 'outside');
  await symlink('..', join(directory, 'tree', 'up'));
  const tree = openDirectoryTree(join(directory, 'tree'));
  for (const path of ['up/outside', '../outside']) {
    await expect(tree.open(path)).rejects.toMatchObject({
      code: expect.stringMatching(/^(ENTRY_NOT_FOUND|TREE_SOURCE)$/),
    });
  }
  await expect(tree.open('up')).rejects.toMatchObject({ code: 'ENTRY_KIND' });
  expect(await openFilesIn(directory)).toEqual([]);
});

test('what is excluded is not there', async () => {
  const directory = await scratch();
  await writeFile(join(directory, 'a'), 'a');
  const tree = openDirectoryTree(directory, { excludes: { excludes: (path) => path === 'a' } });
  expect(await tree.stat('a')).toBeUndefined();
  await expect(tree.open('a')).rejects.toMatchObject({ code: 'ENTRY_NOT_FOUND' });
});

async function* arrayOf<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

test('what a directory itself excludes is not there, however it is asked for', async () => {
  const directory = await scratch();
  await mkdir(join(directory, 'd'));
  await writeFile(join(directory, 'd', '.pxarexclude'), 'left-out\n');
  await writeFile(join(directory, 'd', 'left-out'), '');
  await writeFile(join(directory, 'd', 'kept'), '');
  const tree = openDirectoryTree(directory, { excludes: pxarExcludes([]) });
  expect(await tree.stat('d/left-out')).toBeUndefined();
  expect(await tree.stat('d/kept')).toMatchObject({ type: 'file' });
  await expect(tree.open('d/left-out')).rejects.toMatchObject({ code: 'ENTRY_NOT_FOUND' });
  for (const found of [tree.list('d'), tree.entries('d')]) {
    const paths: string[] = [];
    for await (const { path } of found) paths.push(path);
    expect(paths).toContain('d/kept');
    expect(paths).not.toContain('d/left-out');
  }
});
