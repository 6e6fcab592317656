import { access, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { scratch } from '@vzdump-format/testing';
import { expect, test } from 'vitest';
import { JobLog } from '../log.js';
import { JobLock } from './job-lock.js';
import { clearLeftovers } from './journal.js';

async function clearIn(directory: string): Promise<readonly string[]> {
  const lines: string[] = [];
  const path = join(directory, 'lock');
  const lock = await JobLock.acquire({ path, waitMinutes: 0, onMessage: () => {} });
  const log = new JobLog((event) => event.type === 'log' && lines.push(`${event.level} ${event.message}`));
  await clearLeftovers(lock.journal, log);
  await lock.release();
  return lines;
}

test('what a job left that was killed is put right, and told of', async () => {
  const directory = await scratch();
  const dat = join(directory, 'vzdump-qemu-100-2026_01_01-00_00_00.vma.dat');
  const temporary = join(directory, 'vzdump-qemu-100-2026_01_01-00_00_00.tmp');
  const config = join(directory, 'qemu-server', '100.conf');
  const others = join(directory, 'lxc', '101.conf');
  for (const name of [temporary, join(directory, 'qemu-server'), join(directory, 'lxc')]) await mkdir(name);
  await writeFile(dat, 'half');
  await writeFile(join(temporary, 'qemu-server.conf'), 'half');
  await writeFile(config, '#note\nlock: backup\nname: a\n\n[snap]\nlock: backup\n');
  await writeFile(others, 'lock: snapshot\n');
  const entries = [
    { kind: 'temporary', path: temporary },
    { kind: 'locked', path: config },
    { kind: 'locked', path: others },
    { kind: 'unfinished', path: dat },
    { kind: 'unfinished', path: join(directory, 'gone', 'vzdump-lxc-101-2026_01_01-00_00_00.dat') },
  ];
  await writeFile(join(directory, 'lock'), entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
  expect(await clearIn(directory)).toEqual([
    `info cleared what a backup that was killed has left: '${temporary}'`,
    `info cleared what a backup that was killed has left: lock in '${config}'`,
    `info cleared what a backup that was killed has left: '${dat}'`,
  ]);
  for (const path of [dat, temporary]) await expect(access(path)).rejects.toMatchObject({ code: 'ENOENT' });
  expect(await readFile(config, 'utf8')).toBe('#note\nname: a\n\n[snap]\nlock: backup\n');
  expect(await readFile(others, 'utf8')).toBe('lock: snapshot\n');
  expect(await clearIn(directory)).toEqual([]);
});

test('a guest that cannot be unlocked is a warning that says how to', async () => {
  const directory = await scratch();
  const config = join(directory, 'lxc', '101.conf');
  await mkdir(dirname(config));
  await writeFile(config, 'lock: backup\n'.padEnd(5 << 20, '#')); // too large to be one
  await writeFile(join(directory, 'lock'), `${JSON.stringify({ kind: 'locked', path: config })}\n`);
  expect(await clearIn(directory)).toEqual([
    expect.stringMatching(`^warn unable to clear .* lock in '${config}' - `),
    `info hint: unlock it: remove the line 'lock: backup' from ${config}`,
  ]);
});

test('what cannot be is a warning, and left for the next job', async () => {
  const directory = await scratch();
  const dat = join(directory, 'vzdump-qemu-100-2026_01_01-00_00_00.vma.dat');
  await mkdir(dat);
  await writeFile(join(directory, 'lock'), `${JSON.stringify({ kind: 'unfinished', path: dat })}\n`);
  const warning = expect.stringMatching(/^warn unable to clear .* - /);
  expect(await clearIn(directory)).toEqual([warning]);
  expect(await clearIn(directory)).toEqual([warning]);
});
