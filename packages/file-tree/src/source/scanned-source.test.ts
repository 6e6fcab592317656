import { readChunks } from '@vzdump-format/streams';
import { testByteSource } from '@vzdump-format/streams/testing';
import { collect, noise } from '@vzdump-format/testing';
import { expect, test } from 'vitest';
import type { FileEntry } from '../entry/entry.js';
import { file } from '../testing/entries.js';
import { testTreeSource } from '../testing/tree-source-contract.js';
import { scannedTree } from './scanned-source.js';
import { impliedDirectory } from './tree-source.js';

async function* inPasses(entries: readonly FileEntry[]): AsyncGenerator<FileEntry> {
  yield* entries;
}

testTreeSource('what is read from its beginning', (entries) => scannedTree(() => inPasses(entries)));

testByteSource('a file of it', () => {
  const content = noise(100_000);
  const tree = scannedTree(() => inPasses([file('before'), file('file', content), file('behind')]));
  return { content, open: () => tree.open('file') };
});

test('it is read once, however often stat and list are asked', async () => {
  let passes = 0;
  const tree = scannedTree(() => {
    passes++;
    return inPasses([
      file('a', '1'),
      file('a', '2'),
      file('deep/down/b', '', { flags: 1, fcaps: noise(20) }),
    ]);
  });
  expect(await tree.stat('a')).toMatchObject({ size: 1 });
  for await (const _ of tree.list(''));
  expect(await tree.stat('deep/down')).toMatchObject({ type: 'directory', mode: 0o755 });
  expect(await tree.stat('deep')).toEqual(impliedDirectory('deep'));
  expect(await tree.stat('none')).toBeUndefined();
  expect(passes).toBe(1);
  expect(String(await collect(readChunks(await tree.open('a'))))).toBe('2');
});

test('hardlinks that lead to each other lead nowhere', async () => {
  const link = (path: string, linkTarget: string) =>
    ({ ...file(path), type: 'hardlink', linkTarget }) as const;
  const tree = scannedTree(() => inPasses([link('a', 'b'), link('b', 'a'), link('c', 'none')]));
  await expect(tree.open('a')).rejects.toMatchObject({ code: 'ENTRY_NOT_FOUND', entry: 'b' });
  await expect(tree.open('c')).rejects.toMatchObject({ code: 'ENTRY_NOT_FOUND', entry: 'none' });
});

test('a hardlink leads to the file as it was when the link was made', async () => {
  const link = { ...file('b'), type: 'hardlink', linkTarget: 'a', content: undefined } as const;
  const tree = scannedTree(() => inPasses([file('a', 'one'), link, file('a', 'two')]));
  expect(String(await collect(readChunks(await tree.open('b'))))).toBe('one');
  expect(String(await collect(readChunks(await tree.open('a'))))).toBe('two');
});
