import { type FileEntry, fileEntry, readWholeContent } from '@vzdump-format/file-tree';
import { toReadableStream } from '@vzdump-format/streams';
import { collect, INPUTS } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import { unpackTar, verifyTar, webUnpackTar } from './read/unpack.js';
import { packTar, webPackTar } from './write/pack.js';

const LARGE = Buffer.alloc(300_000, 'large ');

describe.each(INPUTS)('%s', (_, give) => {
  test('is unpacked and verified, and is the content of what is packed', async () => {
    const entries = [fileEntry('a', 'abc'), fileEntry('b', give(LARGE), { size: LARGE.length })];
    const archive = await collect(packTar(entries));
    expect(await verifyTar(give(archive))).toMatchObject({ bytes: LARGE.length + 3 });
    const found: [string, boolean][] = [];
    for await (const entry of unpackTar(give(archive)))
      found.push([
        entry.path,
        (await readWholeContent(entry)).equals(entry.path === 'b' ? LARGE : Buffer.from('abc')),
      ]);
    expect(found).toEqual([
      ['a', true],
      ['b', true],
    ]);
  });
});

test('passes through web streams', async () => {
  const entries = toReadableStream([fileEntry('a', 'abc'), fileEntry('b', LARGE)]);
  const found: number[] = [];
  for await (const entry of entries.pipeThrough(webPackTar()).pipeThrough(webUnpackTar()))
    if (entry.type === 'file') found.push((await readWholeContent(entry)).length);
  expect(found).toEqual([3, LARGE.length]);
});

test.each([
  ['mtime', 0],
  ['mtime', new Date(0)],
  ['size', undefined],
  ['type', 'folder'],
  ['content', 'text'],
])('an entry whose %s is %s is refused', async (field, value) => {
  const entry = { ...fileEntry('a', 'abc'), [field]: value } as FileEntry;
  const expected = { name: 'ArchiveError', code: 'ENTRY_FIELD', entry: 'a' };
  await expect(collect(packTar([entry]))).rejects.toMatchObject(expected);
});

test('bytes that are given in place of chunks are refused', async () => {
  const archive = await collect(packTar([]));
  await expect(verifyTar(archive as never)).rejects.toMatchObject({ code: 'INPUT_KIND' });
});
