import { chmod, copyFile, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { indexArchive, indexPlaces } from '@vzdump-format/archives';
import type { ArchiveWarning } from '@vzdump-format/streams';
import { scratch } from '@vzdump-format/testing';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { backupStoreContract } from '../testing/backup-store-contract.js';
import { DirectoryStore, removeBackup } from './directory-store.js';

backupStoreContract(
  'a directory of dumps',
  async () => new DirectoryStore(await scratch()),
  async ({ path }) => {
    await writeFile(path, gzipSync('the content'));
    await indexArchive(path);
    return `${path}.idx`;
  },
);

const start = new Date(2026, 10, 20, 2, 0, 0);
const STEM = 'vzdump-qemu-100-2026_11_20-02_00_00';

async function* oneChunk(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

test('what is being written ends in .dat, and takes the place of what a killed one left', async () => {
  const directory = await scratch();
  await writeFile(join(directory, `${STEM}.vma.dat`), 'left behind');
  const store = new DirectoryStore(`${directory}/`);
  const writer = await store.begin({ type: 'qemu', vmid: 100, start, compression: 'zst' });
  const partial: string[] = [];
  await writer.write('archive', oneChunk('new'), { onPartial: (path) => partial.push(path) });
  expect([partial, writer.unfinishedPath]).toEqual([[join(directory, `${STEM}.vma.dat`)], partial[0]]);
  expect(await readdir(directory)).toEqual([`${STEM}.vma.dat`]);
  await writer.commit();
  expect(await readdir(directory)).toEqual([`${STEM}.vma.zst`]);
  expect([writer.id, writer.path]).toEqual([`${STEM}.vma.zst`, join(directory, `${STEM}.vma.zst`)]);
  expect(await readFile(writer.path, 'utf8')).toBe('new');
});

test('a log is copied with its mode; what is not whole of it goes', async () => {
  const directory = await scratch();
  const log = join(await scratch(), 'log');
  await writeFile(log, 'INFO: …\n');
  await chmod(log, 0o604);
  const writer = await new DirectoryStore(directory).begin({ type: 'qemu', vmid: 100, start });
  await writer.keepLog(log);
  expect(writer.logPath).toBe(join(directory, `${STEM}.log`));
  expect([await readFile(writer.logPath, 'utf8'), (await stat(writer.logPath)).mode & 0o777]).toEqual([
    'INFO: …\n',
    0o604,
  ]);
  await expect(writer.keepLog(directory)).rejects.toThrow();
  expect(await readdir(directory)).toEqual([]);
});

test('the second of a log that is there is taken', async () => {
  const directory = await scratch();
  await writeFile(join(directory, `${STEM}.log`), '');
  const writer = await new DirectoryStore(directory).begin({ type: 'qemu', vmid: 100, start });
  expect(writer.id).toBe('vzdump-qemu-100-2026_11_20-02_00_01.vma');
});

test('of two that were begun together, the first that is finished stays', async () => {
  const store = new DirectoryStore(await scratch());
  const options = { type: 'lxc', vmid: 101, start } as const;
  const [one, other] = [await store.begin({ ...options, compression: 'gz' }), await store.begin(options)];
  await one.write('archive', oneChunk('one'));
  await other.write('archive', oneChunk('other'));
  await one.commit();
  await writeFile(other.path, 'meanwhile');
  await expect(other.commit()).rejects.toMatchObject({ code: 'FILE_EXISTS' });
  await other.abort();
  expect([await readFile(one.path, 'utf8'), await readFile(other.path, 'utf8')]).toEqual([
    'one',
    'meanwhile',
  ]);
});

test.each([
  ['a.vma', '.', 'a.vma'],
  ['./a.vma', './', 'a.vma'],
  ['/mnt//dump//a.vma', '/mnt//dump//', 'a.vma'],
  ['../a.vma/', '../a.vma/', ''],
])('%s is in %s', (path, location, id) => {
  const found = DirectoryStore.ofBackup(path);
  expect([found.store.location, found.id, found.store.pathOf(found.id)]).toEqual([location, id, path]);
});

test('what is no backup may be opened, if it is a file', async () => {
  const directory = await scratch();
  await writeFile(join(directory, 'archive.pxar'), 'abc');
  await mkdir(join(directory, 'tree'));
  const { store } = DirectoryStore.ofBackup(join(directory, 'x'));
  const backup = await store.open('archive.pxar');
  const source = await backup.source('archive');
  expect([backup.path, source.size]).toEqual([join(directory, 'archive.pxar'), 3]);
  await source.close();
  await expect((await store.open('tree')).source('archive')).rejects.toMatchObject({ code: 'NOT_A_FILE' });
});

describe('removing a backup', () => {
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

  test('takes its indexes along, beside it and in the cache, and no file of another kind', async () => {
    const directory = await fill('a.vma.gz', 'b.vma.gz', 'b.vma.gz.idx');
    vi.stubEnv('XDG_CACHE_HOME', join(directory, 'cache'));
    onTestFinished(() => void vi.unstubAllEnvs());
    const archive = join(directory, 'a.vma.gz');
    await writeFile(archive, gzipSync('content'));
    const [, cached] = await indexPlaces(archive, {});
    await mkdir(dirname(cached!), { recursive: true });
    await indexArchive(archive);
    await copyFile(`${archive}.idx`, cached!);
    for (const name of ['a.vma.gz', 'b.vma.gz']) await removeBackup(join(directory, name), unexpected);
    expect(await readdir(directory)).toEqual(['b.vma.gz.idx', 'cache']);
    expect(await readdir(dirname(cached!))).toEqual([]);
  });

  test('an index whose backup others have removed is an orphan, and nothing else is', async () => {
    const directory = await scratch();
    const archive = join(directory, `${STEM}.vma.gz`);
    await writeFile(archive, gzipSync('content'));
    await indexArchive(archive);
    for (const name of ['other.gz.idx', 'vzdump-lxc-1-x.tar.gz.idx'])
      await copyFile(`${archive}.idx`, join(directory, name));
    await writeFile(join(directory, 'vzdump-lxc-2-x.tar.gz.idx'), 'of another program');
    const store = new DirectoryStore(directory);
    await store.removeOrphans(unexpected);
    const left = ['other.gz.idx', 'vzdump-lxc-2-x.tar.gz.idx'];
    const names = [`${STEM}.vma.gz`, `${STEM}.vma.gz.idx`];
    expect((await readdir(directory)).sort()).toEqual([...left, ...names].sort());
    await rm(archive);
    await store.removeOrphans(unexpected);
    expect((await readdir(directory)).sort()).toEqual(left);
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
});
