import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { scratch } from '@vzdump-format/testing';
import { expect, test } from 'vitest';
import { CLI, runCli, runCliForJson, runCliWell } from '../support/running-cli.js';

async function pathsIn(archive: string): Promise<string[]> {
  const { entries } = (await runCliForJson(['list', archive])) as {
    entries: readonly { readonly path: string }[];
  };
  return entries.map(({ path }) => path);
}

async function tree(): Promise<string> {
  const root = await scratch();
  mkdirSync(`${root}/backups`);
  writeFileSync(`${root}/backups/other.partial`, 'other');
  writeFileSync(`${root}/z`, 'z');
  return root;
}

const ALL = ['./', './backups/', './backups/other.partial', './z'];

test.each([
  ['backups/a.tar.zst', 1],
  ['a.tar', 1],
  ['backups/a.pxar', 1],
  ['backups/a.mpxar', 2],
])('%s is no part of itself, which is told', async (name, files) => {
  const root = await tree();
  const result = await runCli(['pack', `${root}/${name}`, '--root', root]);
  expect(result.stderr.match(/\.partial is what the archive is written to, and left out\n/g)).toHaveLength(
    files,
  );
  expect(result.status).toBe(0);
  expect(await pathsIn(`${root}/${name}`)).toEqual(ALL);
  await runCliWell(['verify', `${root}/${name}`]);
});

test('nor is a file that a shell redirected the output to; another of its name is', async () => {
  const root = await tree();
  mkdirSync(`${root}/other`);
  writeFileSync(`${root}/other/a.tar`, 'another');
  const fd = openSync(`${root}/backups/a.tar`, 'w');
  const args = [CLI, 'pack', '-', '--format', 'tar', '--root', root];
  const { status, stderr } = spawnSync(process.execPath, args, { stdio: ['ignore', fd, 'pipe'] });
  closeSync(fd);
  expect([status, stderr.toString()]).toEqual([
    0,
    expect.stringContaining('backups/a.tar is what the archive is written to, and left out'),
  ]);
  expect(await pathsIn(`${root}/backups/a.tar`)).toEqual([
    ...ALL.slice(0, 3),
    './other/',
    './other/a.tar',
    './z',
  ]);
});
