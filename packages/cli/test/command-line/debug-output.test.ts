import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { scratch } from '@vzdump-format/testing';
import { expect, it } from 'vitest';
import { CLI } from '../support/running-cli.js';

/** What a command says on standard error with `NODE_DEBUG`, a line each, with `DIR` for its directory. */
function said(directory: string, ...args: string[]): string[] {
  const env = { ...process.env, NODE_DEBUG: 'vzdump-format' };
  const { stderr } = spawnSync(process.execPath, [CLI, ...args, '--quiet'], { encoding: 'utf8', env });
  const lines = stderr.trimEnd().replaceAll(directory, 'DIR').split('\n');
  return lines.map((line) => line.replace(/^VZDUMP-FORMAT \d+: /, ''));
}

it('NODE_DEBUG tells how each archive is read, and why, what an index is good for, and what is chosen', async () => {
  const directory = await scratch();
  const [tree, zst, gz] = ['tree', 'a.tar.zst', 'a.tar.gz'].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ];
  mkdirSync(tree);
  writeFileSync(join(tree, 'file'), 'content');
  expect(said(directory, 'pack', zst, '--root', tree)).toEqual(
    expect.arrayContaining([
      'DIR/a.tar.zst: codec zstd, by its name',
      "packing tar, codec zstd, level the codec's own",
    ]),
  );
  expect(said(directory, 'pack', gz, '--root', tree, '--compress', 'gzip', '--level', '9')).toEqual(
    expect.arrayContaining(['DIR/a.tar.gz: codec gzip, by --compress', 'packing tar, codec gzip, level 9']),
  );
  const cat = (archive: string) =>
    said(directory, 'cat', archive, 'file').map((line) => line.replace(/^content/, ''));
  expect(cat(zst)).toContain('DIR/a.tar.zst: tar, codec zstd, read at any offset');
  expect(said(directory, 'verify', zst)).toContain(
    'DIR/a.tar.zst: tar, codec zstd, read from its beginning, as all of it is wanted',
  );
  expect(cat(gz)).toContain(
    'DIR/a.tar.gz: tar, codec gzip, read from its beginning, as it can be entered nowhere else',
  );
  said(directory, 'index', gz);
  expect(cat(gz)).toEqual(
    expect.arrayContaining([
      'DIR/a.tar.gz.idx: the index is used',
      'DIR/a.tar.gz: tar, codec gzip, read at any offset',
    ]),
  );
  writeFileSync(`${gz}.idx`, 'no index');
  expect(cat(gz)).toContainEqual(expect.stringMatching(/^DIR\/a\.tar\.gz\.idx: the index is refused: /));
});

it.each([
  ['vzdump-format', /^VZDUMP-FORMAT \d+: zstd by \S+\n/m],
  ['', /^$/],
])('NODE_DEBUG=%s has on standard error what is being done, or nothing', async (NODE_DEBUG, said) => {
  const directory = await scratch();
  const args = ['pack', join(directory, 'a.tar.zst'), '--root', directory, '--quiet'];
  const env = { ...process.env, NODE_DEBUG };
  const { status, stderr } = spawnSync(process.execPath, [CLI, ...args], { encoding: 'utf8', env });
  expect(stderr).toMatch(said);
  expect(status).toBe(0);
});
