import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ArchiveWarning } from '@vzdump-format/streams';
import { scratch } from '@vzdump-format/testing';
import { expect, test } from 'vitest';
import { removeBackup } from './remove-backup.js';

const STEM = 'vzdump-qemu-100-2026_11_20-02_00_00';

async function fill(...names: readonly string[]): Promise<string> {
  const directory = await scratch();
  for (const name of names) await writeFile(join(directory, name), '');
  return directory;
}

function unexpected(warning: ArchiveWarning): never {
  throw new Error(warning.message);
}

test('takes the log and the notes along, and nothing else', async () => {
  const others = [`${STEM}.vma.gz.notes`, `${STEM}.vma.zstd`, 'vzdump-qemu-100-2026_11_21-02_00_00.log'];
  const directory = await fill(`${STEM}.vma.zst`, `${STEM}.log`, `${STEM}.vma.zst.notes`, ...others);
  await removeBackup(join(directory, `${STEM}.vma.zst`), unexpected);
  expect((await readdir(directory)).sort()).toEqual(others.sort());
});

test('what is gone already is no matter', async () => {
  const directory = await fill(`${STEM}.log`);
  await removeBackup(join(directory, `${STEM}.tgz`), unexpected);
  await removeBackup(join(directory, `${STEM}.tgz`), unexpected);
  expect(await readdir(directory)).toEqual([]);
});

test('of a renamed one, the notes', async () => {
  const directory = await fill(
    'mine.vma',
    'mine.vma.notes',
    'mine.log',
    'vzdump-lxc-1-x.tar',
    'vzdump-lxc-1-x.log',
  );
  await removeBackup(join(directory, 'mine.vma'), unexpected);
  await removeBackup(join(directory, 'vzdump-lxc-1-x.tar'), unexpected);
  expect((await readdir(directory)).sort()).toEqual(['mine.log', 'vzdump-lxc-1-x.log']);
});

test('refuses one that is protected', async () => {
  const archive = join(await fill(`${STEM}.vma`, `${STEM}.log`), `${STEM}.vma`);
  await symlink('/nonexistent', `${archive}.protected`);
  await expect(removeBackup(archive, unexpected)).rejects.toMatchObject({
    code: 'BACKUP_PROTECTED',
    message: `cannot remove protected archive '${archive}'`,
  });
  expect(await readdir(join(archive, '..'))).toHaveLength(3);
});

test.each(['/etc/passwd', `${STEM}.log`, `${STEM}.vma.dat`])('refuses %s', async (path) => {
  await expect(removeBackup(path, unexpected)).rejects.toMatchObject({ code: 'BACKUP_NAME' });
});

test('what cannot be removed is an error; of what belongs to it, a warning', async () => {
  const directory = await fill();
  await mkdir(join(directory, `${STEM}.tar`));
  await expect(removeBackup(join(directory, `${STEM}.tar`), unexpected)).rejects.toMatchObject({
    syscall: 'unlink',
  });
  await mkdir(join(directory, `${STEM}.log`));
  const warnings: ArchiveWarning[] = [];
  await removeBackup(join(directory, `${STEM}.vma`), (warning) => warnings.push(warning));
  expect(warnings).toMatchObject([{ code: 'BACKUP_LEFTOVER', entry: join(directory, `${STEM}.log`) }]);
});
