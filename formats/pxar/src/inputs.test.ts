import { type FileEntry, fileEntry, readWholeContent } from '@vzdump-format/file-tree';
import { toReadableStream } from '@vzdump-format/streams';
import { collect, INPUTS } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import { unpackPxar, verifyPxar, webUnpackPxar } from './read/unpack.js';
import { packPxar, webPackPxar } from './write/pack.js';

const LARGE = Buffer.alloc(300_000, 'large ');

describe.each(INPUTS)('%s', (_, give) => {
  test('is unpacked and verified, and is the content of what is packed', async () => {
    const entries = [fileEntry('a', 'abc'), fileEntry('b', give(LARGE), { size: LARGE.length })];
    const archive = await collect(packPxar(entries));
    expect(await verifyPxar(give(archive))).toMatchObject({ bytes: LARGE.length + 3 });
    const found: [string, boolean][] = [];
    for await (const entry of unpackPxar(give(archive))) {
      if (entry.type === 'directory') continue;
      found.push([
        entry.path,
        (await readWholeContent(entry)).equals(entry.path === 'b' ? LARGE : Buffer.from('abc')),
      ]);
    }
    expect(found).toEqual([
      ['a', true],
      ['b', true],
    ]);
  });
});

test('passes through web streams', async () => {
  const entries = toReadableStream([fileEntry('a', 'abc'), fileEntry('b', LARGE)]);
  const found: number[] = [];
  for await (const entry of entries.pipeThrough(webPackPxar()).pipeThrough(webUnpackPxar()))
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
  await expect(collect(packPxar([entry]))).rejects.toMatchObject(expected);
});

test('a payload stream may be any of these, too', async () => {
  const parts: Uint8Array[] = [];
  const payload = (bytes: Uint8Array) => void parts.push(Uint8Array.from(bytes));
  const archive = await collect(packPxar([fileEntry('a', 'abc')], { payload }));
  for (const [, give] of INPUTS) {
    const summary = await verifyPxar(give(archive), { payload: give(Buffer.concat(parts)) });
    expect(summary.bytes).toBe(3);
  }
});

test('bytes that are given in place of chunks are refused', async () => {
  const archive = await collect(packPxar([]));
  await expect(verifyPxar(archive as never)).rejects.toMatchObject({ code: 'INPUT_KIND' });
});
