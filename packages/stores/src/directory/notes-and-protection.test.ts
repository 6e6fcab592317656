import { lstat, mkdir, readdir, readFile, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bytesToPath } from '@vzdump-format/posix';
import { scratch } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import { isProtected, readNotes, setNotes, setProtected } from './notes-and-protection.js';

describe('notes', () => {
  async function makeBackup(name = 'vzdump-qemu-100-2026_11_20-02_00_00.vma.zst'): Promise<string> {
    const archive = join(await scratch(), name);
    await writeFile(archive, 'x');
    return archive;
  }

  async function getNotes(archive: string): Promise<string> {
    return bytesToPath(await readNotes(archive));
  }

  test('are a file beside the backup, in UTF-8', async () => {
    const archive = await makeBackup();
    for (const text of ['Größe: \u{1f4be}\n', '\ufeffa', '\0', 'without an end of line']) {
      await setNotes(archive, text);
      expect(await readFile(`${archive}.notes`, 'utf8')).toBe(text);
    }
  });

  test('that somebody else wrote in another encoding come back as bytes', async () => {
    const archive = await makeBackup();
    await writeFile(`${archive}.notes`, Buffer.of(0x47, 0x72, 0xf6, 0xdf, 0x65, 0x0a));
    await setNotes(archive, `${await getNotes(archive)}!`);
    expect(await readFile(`${archive}.notes`)).toEqual(Buffer.of(0x47, 0x72, 0xf6, 0xdf, 0x65, 0x0a, 0x21));
  });

  test('none at all means no file', async () => {
    const archive = await makeBackup();
    await setNotes(archive, 'a');
    await setNotes(archive, '');
    await setNotes(archive, '');
    expect(await readdir(join(archive, '..'))).toHaveLength(1);
  });

  test('a backup may be called what it likes', async () => {
    const archive = await makeBackup('mine.tgz');
    await setNotes(archive, 'a');
    expect(await getNotes(archive)).toBe('a');
  });

  test('are not read without end', async () => {
    const archive = await makeBackup();
    await setNotes(archive, 'a');
    await truncate(`${archive}.notes`, 1e12);
    await expect(readNotes(archive)).rejects.toMatchObject({ code: 'NOTES_SIZE' });
  });

  test('only backups have any', async () => {
    const archive = await makeBackup();
    const refused = { code: 'BACKUP_NAME' };
    await expect(setNotes(`${archive}.notes`, 'a')).rejects.toMatchObject(refused);
    await expect(getNotes('/etc/passwd')).rejects.toMatchObject(refused);
    await expect(setNotes('/nonexistent.vma', 'a')).rejects.toMatchObject({ code: 'ENOENT' });
    await mkdir(join(archive, '../directory.vma'));
    await expect(setNotes(join(archive, '../directory.vma'), 'a')).rejects.toMatchObject({
      code: 'NOT_A_FILE',
    });
  });

  test('do not take the place of what is no file', async () => {
    const archive = await makeBackup();
    await mkdir(`${archive}.notes`);
    await expect(setNotes(archive, 'a')).rejects.toMatchObject({ code: 'OUTPUT_KIND' });
    await expect(getNotes(archive)).rejects.toMatchObject({ code: 'NOT_A_FILE' });
  });
});

describe('protection', () => {
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
});
