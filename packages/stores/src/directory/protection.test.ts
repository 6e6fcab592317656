import { lstat, readdir, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { scratch } from '@vzdump-format/testing';
import { expect, test } from 'vitest';
import { isProtected, setProtected } from './notes-and-protection.js';

async function makeBackup(): Promise<string> {
  const archive = join(await scratch(), 'vzdump-lxc-100-2026_11_20-02_00_00.tar');
  await writeFile(archive, 'x');
  return archive;
}

test('is a marker beside the backup', async () => {
  const archive = await makeBackup();
  expect(await isProtected(archive)).toBe(false);
  await setProtected(archive, true);
  await setProtected(archive, true);
  expect(await isProtected(archive)).toBe(true);
  const marker = await stat(`${archive}.protected`);
  expect([marker.size, marker.mode & 0o7777]).toEqual([0, 0o644 & ~process.umask()]);
  await setProtected(archive, false);
  await setProtected(archive, false);
  expect(await isProtected(archive)).toBe(false);
  expect(await readdir(join(archive, '..'))).toHaveLength(1);
});

test('a marker that points elsewhere is one, and is not followed', async () => {
  const archive = await makeBackup();
  const elsewhere = join(archive, '../elsewhere');
  await symlink(elsewhere, `${archive}.protected`);
  expect(await isProtected(archive)).toBe(true);
  await setProtected(archive, true);
  await expect(lstat(elsewhere)).rejects.toMatchObject({ code: 'ENOENT' });
});

test('is for backups that are there', async () => {
  await expect(setProtected('/nonexistent.vma', true)).rejects.toMatchObject({ code: 'ENOENT' });
  await expect(setProtected('/etc/passwd', true)).rejects.toMatchObject({ code: 'BACKUP_NAME' });
  await expect(isProtected('/nonexistent.vma')).rejects.toMatchObject({ code: 'ENOENT' });
});
