import { testTreeSource } from '@vzdump-format/file-tree/testing';
import { BufferSource } from '@vzdump-format/streams';
import { collect, noise } from '@vzdump-format/testing';
import { expect, test } from 'vitest';
import { archive, member } from '../testing/built-archive.js';
import { packTar } from '../write/pack.js';
import { openTar } from './random-access.js';

testTreeSource('a tar archive', async (entries) =>
  openTar(new BufferSource(await collect(packTar(entries)))),
);

test('directories without a member of their own are there, as those of root', async () => {
  const bytes = archive(
    member({ name: 'a/b/c' }, 'c'),
    member({ name: 'a/b/d' }, 'd'),
    member({ name: 'e' }, ''),
  );
  const tree = await openTar(new BufferSource(bytes));
  const listed = async (path: string) => {
    const paths: string[] = [];
    for await (const entry of tree.list(path)) paths.push(`${entry.path} ${entry.type} ${entry.uid}`);
    return paths.sort();
  };
  expect(await listed('')).toEqual(['a directory 0', 'e file 0']);
  expect(await listed('a')).toEqual(['a/b directory 0']);
  expect(await listed('a/b')).toEqual(['a/b/c file 0', 'a/b/d file 0']);
  await expect(tree.open('a/b')).rejects.toMatchObject({ code: 'ENTRY_KIND' });
});

test('entries of a path reads the headers, and the contents that are asked for', async () => {
  const large = noise(4_000_000);
  const bytes = archive(member({ name: 'large' }, large), member({ name: 'd/small' }, 'small'));
  let read = 0;
  const source = new BufferSource(bytes);
  const counting = {
    size: source.size,
    close: () => source.close(),
    read: async (buffer: Uint8Array, offset: number) => {
      const got = await source.read(buffer, offset);
      read += got;
      return got;
    },
  };
  const tree = await openTar(counting);
  read = 0;
  for await (const { path, content } of tree.entries('d/small')) {
    expect(path).toBe('d/small');
    expect(String(await collect(content as AsyncIterable<Uint8Array>))).toBe('small');
  }
  expect(read).toBeLessThan(200_000);
});
