import { execFileSync } from 'node:child_process';
import { mkdir, readdir, symlink, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ArchiveWarning } from '@vzdump-format/streams';
import { scratch, useTimeZone } from '@vzdump-format/testing';
import { expect, test } from 'vitest';
import type { BackupFilter } from '../backup-store.js';
import { listBackups } from './list-backups.js';

const VM = 'vzdump-qemu-100-2026_11_20-02_00_00.vma.zst';
const CONTAINER = 'vzdump-lxc-101-2026_11_20-02_05_00.tar';

async function fill(files: Readonly<Record<string, string>>): Promise<string> {
  const directory = await scratch();
  for (const [name, content] of Object.entries(files)) await writeFile(join(directory, name), content);
  return directory;
}

async function list(directory: string, filter: BackupFilter = {}) {
  const warnings: ArchiveWarning[] = [];
  const backups = await listBackups(directory, { ...filter, onWarning: (warning) => warnings.push(warning) });
  return { backups, warnings, names: backups.map(({ name }) => name.fileName) };
}

test('tells of each backup what there is to tell', async () => {
  useTimeZone('UTC');
  const directory = await fill({
    [VM]: 'x'.repeat(1000),
    [`${VM}.notes`]: 'web server\nbefore the upgrade',
    [`${VM}.protected`]: '',
    'vzdump-qemu-100-2026_11_20-02_00_00.log': 'INFO: …',
    [CONTAINER]: '',
  });
  const { backups, warnings } = await list(directory);
  expect(backups).toEqual([
    {
      id: VM,
      path: join(directory, VM),
      name: expect.objectContaining({ fileName: VM, type: 'qemu', format: 'vma', compression: 'zst' }),
      vmid: 100,
      size: 1000,
      ctime: Date.UTC(2026, 10, 20, 2) / 1000,
      notes: 'web server',
      isProtected: true,
    },
    expect.objectContaining({ vmid: 101, size: 0, notes: undefined, isProtected: false }),
  ]);
  expect(warnings).toEqual([]);
});

test('by guest, then by time; renamed ones by the time of the file', async () => {
  const names = [
    ...['vzdump-lxc-9000-2026_01_01-00_00_00.tar', 'vzdump-lxc-100-2026_01_03-00_00_00.tar.gz'],
    ...['vzdump-qemu-100-old.vma', 'vzdump-qemu-100-2026_01_02-00_00_00.vma'],
    ...[
      'vzdump-qemu-100-2026_01_02-00_00_00.vma.gz',
      'vzdump-qemu-x.vma',
      'vzdump-lxc-100-2026_01_04-00_00_00.tgz',
    ],
  ];
  const directory = await fill(Object.fromEntries(names.map((name) => [name, ''])));
  await utimes(join(directory, 'vzdump-qemu-100-old.vma'), 0, 1000);
  const { names: listed, backups } = await list(directory);
  expect(listed).toEqual([
    ...['vzdump-lxc-100-2026_01_03-00_00_00.tar.gz', 'vzdump-lxc-100-2026_01_04-00_00_00.tgz'],
    ...['vzdump-qemu-100-old.vma', 'vzdump-qemu-100-2026_01_02-00_00_00.vma'],
    ...['vzdump-qemu-100-2026_01_02-00_00_00.vma.gz', 'vzdump-lxc-9000-2026_01_01-00_00_00.tar'],
    'vzdump-qemu-x.vma',
  ]);
  expect(backups[2]).toMatchObject({ ctime: 1000, name: { standard: undefined } });
  expect((await list(directory, { vmid: 100, type: 'qemu' })).names).toEqual(listed.slice(2, 5));
  expect((await list(directory, { type: 'lxc' })).names).toHaveLength(3);
  expect((await list(directory, { vmid: 9000 })).names).toEqual([names[0]]);
  expect((await list(directory, { vmid: 900 })).names).toEqual([]);
});

test('what is unfinished, no file, or belongs to a backup is none', async () => {
  const directory = await fill({
    'vzdump-qemu-100-2026_11_20-02_00_00.vma.dat': '',
    'vzdump-qemu-100-2026_11_20-02_00_00.vma.zst.notes': '',
    'disk.raw': '',
  });
  await mkdir(join(directory, 'vzdump-qemu-100-2026_11_21-02_00_00.vma'));
  await symlink('/nonexistent', join(directory, 'vzdump-qemu-100-2026_11_22-02_00_00.vma'));
  execFileSync('mkfifo', [join(directory, 'vzdump-qemu-100-2026_11_23-02_00_00.vma')]);
  expect(await list(directory)).toEqual({ backups: [], warnings: [], names: [] });
});

test('a backup may lie elsewhere, and a marker point nowhere', async () => {
  const [directory, elsewhere] = [await scratch(), await fill({ [VM]: 'x' })];
  await symlink(join(elsewhere, VM), join(directory, VM));
  await symlink('/nonexistent', join(directory, `${VM}.protected`));
  expect((await list(directory)).backups).toMatchObject([{ size: 1, isProtected: true }]);
});

test('names with what is no text are listed as they are', async () => {
  const directory = await scratch();
  const awkward = Buffer.concat([
    Buffer.from(`${directory}/vzdump-qemu-100-`),
    Buffer.of(0xff, 0x1b),
    Buffer.from('.vma'),
  ]);
  await writeFile(awkward, 'abc');
  const { backups } = await list(directory);
  expect(backups).toMatchObject([{ size: 3, name: { fileName: 'vzdump-qemu-100-\udcff\u001b.vma' } }]);
  expect(await readdir(directory)).toHaveLength(1);
});

test('notes: of any size and kind, only the beginning is read', async () => {
  const directory = await fill({
    [VM]: '',
    [CONTAINER]: '',
    [`${CONTAINER}.notes`]: '\nsecond line',
    'vzdump-lxc-102-2026_11_20-02_05_00.tar': '',
    'vzdump-lxc-103-2026_11_20-02_05_00.tar': '',
    'vzdump-lxc-104-2026_11_20-02_05_00.tar': '',
  });
  await writeFile(join(directory, `${VM}.notes`), '');
  await truncate(join(directory, `${VM}.notes`), 1e12);
  await writeFile(
    join(directory, 'vzdump-lxc-102-2026_11_20-02_05_00.tar.notes'),
    Buffer.of(0x61, 0xff, 0x0a),
  );
  execFileSync('mkfifo', [join(directory, 'vzdump-lxc-103-2026_11_20-02_05_00.tar.notes')]);
  await symlink('/nonexistent', join(directory, 'vzdump-lxc-104-2026_11_20-02_05_00.tar.notes'));
  const { backups, warnings } = await list(directory);
  expect(backups.map(({ notes }) => notes?.length)).toEqual([4096, undefined, 2, undefined, undefined]);
  expect(backups[2]?.notes).toBe('a\udcff');
  expect(warnings).toEqual([
    {
      code: 'NOTES_UNREADABLE',
      message: expect.stringMatching(/vzdump-lxc-103.*\.notes is taken for empty: .* neither a regular file/),
      entry: join(directory, 'vzdump-lxc-103-2026_11_20-02_05_00.tar.notes'),
    },
  ]);
});

test('a file that cannot be looked at is a warning', async () => {
  const directory = await fill({ [CONTAINER]: '' });
  await symlink(VM, join(directory, VM)); // which has no end
  const { names, warnings } = await list(directory);
  expect(names).toEqual([CONTAINER]);
  expect(warnings).toMatchObject([{ code: 'BACKUP_UNREADABLE', entry: join(directory, VM) }]);
});

test.each([
  ['/nonexistent', 'ENOENT'],
  ['/etc/passwd', 'ENOTDIR'],
])('%s cannot be listed', async (directory, code) => {
  await expect(list(directory)).rejects.toMatchObject({ code, path: directory });
});
