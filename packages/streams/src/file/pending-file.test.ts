import {
  type FileHandle,
  link,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { useTemporaryDirectory } from '@vzdump-format/testing';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { PendingFile, type PendingFileOptions } from './pending-file.js';

vi.mock('node:fs/promises', async (original) => {
  const actual = await original<typeof import('node:fs/promises')>();
  const { link, lstat, open, rename } = actual;
  return { ...actual, link: vi.fn(link), lstat: vi.fn(lstat), open: vi.fn(open), rename: vi.fn(rename) };
});

const temporaryDirectory = useTemporaryDirectory();
let directory: string;
let path: string;

beforeEach(() => {
  directory = temporaryDirectory();
  path = join(directory, 'backup.vma');
});

async function pendingWith(text: string, options?: PendingFileOptions): Promise<PendingFile> {
  const pending = await PendingFile.create(path, options);
  await pending.handle.write(text);
  return pending;
}

describe('commit', () => {
  test('gives the file its name, which it did not have before', async () => {
    const pending = await pendingWith('whole');
    const [partial, ...others] = await readdir(directory);
    expect(partial).toMatch(/^\.vzdump-format-[0-9a-f]{16}\.partial$/);
    expect(others).toEqual([]);
    await pending.commit();
    expect(await readdir(directory)).toEqual(['backup.vma']);
    expect(await readFile(path, 'utf8')).toBe('whole');
  });

  test('closes the file', async () => {
    const pending = await pendingWith('whole');
    await pending.commit();
    expect(pending.handle.fd).toBe(-1);
  });

  test('FILE_EXISTS when another came first, whose file stays', async () => {
    const pending = await pendingWith('ours');
    await writeFile(path, 'theirs');
    await expect(pending.commit()).rejects.toMatchObject({ code: 'FILE_EXISTS', entry: path });
    await pending.discard();
    expect(await readdir(directory)).toEqual(['backup.vma']);
    expect(await readFile(path, 'utf8')).toBe('theirs');
  });

  test('of two, one wins', async () => {
    const both = await Promise.all([pendingWith('same'), pendingWith('same')]);
    const results = await Promise.allSettled(both.map((pending) => pending.commit()));
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    for (const pending of both) await pending.discard();
    expect(await readdir(directory)).toEqual(['backup.vma']);
  });
});

describe('create', () => {
  test('FILE_EXISTS, and nothing is left', async () => {
    await writeFile(path, 'theirs');
    await expect(PendingFile.create(path)).rejects.toMatchObject({ code: 'FILE_EXISTS', entry: path });
    expect(await readdir(directory)).toEqual(['backup.vma']);
  });

  test('names the system error where the directory is not', async () => {
    await expect(PendingFile.create(join(directory, 'none', 'x'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

describe('overwrite', () => {
  test('replaces the file only at the end', async () => {
    await writeFile(path, 'old');
    const pending = await pendingWith('new', { overwrite: true });
    expect(await readFile(path, 'utf8')).toBe('old');
    await pending.commit();
    expect(await readFile(path, 'utf8')).toBe('new');
    expect(await readdir(directory)).toEqual(['backup.vma']);
  });

  test('replaces a symlink, not what it points to', async () => {
    const target = join(directory, 'target');
    await writeFile(target, 'theirs');
    await symlink(target, path);
    await (await pendingWith('new', { overwrite: true })).commit();
    expect(await readFile(target, 'utf8')).toBe('theirs');
    expect((await lstat(path)).isFile()).toBe(true);
  });

  test('a directory is not replaced, and nothing is left', async () => {
    await mkdir(path);
    const pending = await pendingWith('new', { overwrite: true });
    await expect(pending.commit()).rejects.toMatchObject({ code: 'EISDIR' });
    await pending.discard();
    expect(await readdir(directory)).toEqual(['backup.vma']);
  });
});

describe('a dangling symlink under the final name', () => {
  test('counts as a file that is there', async () => {
    await symlink(join(directory, 'target'), path);
    await expect(PendingFile.create(path)).rejects.toMatchObject({ code: 'FILE_EXISTS' });
  });

  test('is not followed by commit', async () => {
    const pending = await pendingWith('ours');
    await symlink(join(directory, 'target'), path);
    await expect(pending.commit()).rejects.toMatchObject({ code: 'FILE_EXISTS' });
    await pending.discard();
    expect(await readdir(directory)).toEqual(['backup.vma']);
  });

  test('is not replaced on a file system without hard links', async () => {
    const pending = await pendingWith('ours');
    await symlink(join(directory, 'target'), path);
    vi.mocked(link).mockRejectedValueOnce(systemError('EPERM'));
    await expect(pending.commit()).rejects.toMatchObject({ code: 'FILE_EXISTS' });
    await pending.discard();
    expect((await lstat(path)).isSymbolicLink()).toBe(true);
  });
});

describe('discard', () => {
  test('leaves nothing', async () => {
    const pending = await pendingWith('half');
    await pending.discard();
    expect(await readdir(directory)).toEqual([]);
    expect(pending.handle.fd).toBe(-1);
    await pending.discard();
  });

  test('does nothing after commit', async () => {
    const pending = await pendingWith('whole');
    await pending.commit();
    await pending.discard();
    expect(await readFile(path, 'utf8')).toBe('whole');
  });

  test.each(['sync', 'close'] as const)('leaves nothing when %s failed in commit', async (step) => {
    const pending = await pendingWith('half');
    vi.spyOn(pending.handle, step).mockRejectedValueOnce(systemError('EIO'));
    await expect(pending.commit()).rejects.toMatchObject({ code: 'EIO' });
    await pending.discard();
    expect(await readdir(directory)).toEqual([]);
    expect(pending.handle.fd).toBe(-1);
  });

  test('leaves nothing when the name could not be given in commit', async () => {
    const pending = await pendingWith('half');
    vi.mocked(link).mockRejectedValueOnce(systemError('EIO'));
    await expect(pending.commit()).rejects.toMatchObject({ code: 'EIO' });
    await pending.discard();
    expect(await readdir(directory)).toEqual([]);
  });
});

describe('on a file system', () => {
  test.each(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'])(
    'without hard links (%s), the file is renamed',
    async (code) => {
      const pending = await pendingWith('whole');
      vi.mocked(link).mockRejectedValueOnce(systemError(code));
      await pending.commit();
      expect(await readdir(directory)).toEqual(['backup.vma']);
    },
  );

  test('without hard links, too, another that came at the last moment stays', async () => {
    const pending = await pendingWith('ours');
    await writeFile(path, 'theirs');
    vi.mocked(link).mockRejectedValueOnce(systemError('EPERM'));
    vi.mocked(lstat).mockRejectedValueOnce(systemError('ENOENT')); // looked at a moment too early
    await expect(pending.commit()).rejects.toMatchObject({ code: 'FILE_EXISTS' });
    await pending.discard();
    expect(await readFile(path, 'utf8')).toBe('theirs');
    expect(await readdir(directory)).toEqual(['backup.vma']);
  });

  test('without hard links, nothing keeps the name when it cannot be given', async () => {
    const pending = await pendingWith('ours');
    vi.mocked(link).mockRejectedValueOnce(systemError('EPERM'));
    vi.mocked(rename).mockRejectedValueOnce(systemError('EIO'));
    await expect(pending.commit()).rejects.toMatchObject({ code: 'EIO' });
    await pending.discard();
    expect(await readdir(directory)).toEqual([]);
  });

  test('without hard links, too, another that came first stays', async () => {
    const pending = await pendingWith('ours');
    await writeFile(path, 'theirs');
    vi.mocked(link).mockRejectedValueOnce(systemError('EPERM'));
    await expect(pending.commit()).rejects.toMatchObject({ code: 'FILE_EXISTS' });
    await pending.discard();
    expect(await readFile(path, 'utf8')).toBe('theirs');
  });

  test.each([
    ['EINVAL', []],
    ['EIO', ['DIRECTORY_SYNC']],
  ])(
    'whose directories answer fsync with %s, the file has its name, and the warnings are %j',
    async (code, told) => {
      const warnings: string[] = [];
      const pending = await pendingWith('whole', { onWarning: (warning) => warnings.push(warning.code) });
      const close = vi.fn(async () => {});
      const refusing = { sync: () => Promise.reject(systemError(code)), close } as unknown as FileHandle;
      vi.mocked(open).mockResolvedValueOnce(refusing);
      await pending.commit();
      expect(warnings).toEqual(told);
      expect(close).toHaveBeenCalledOnce();
      await pending.discard();
      expect(await readdir(directory)).toEqual(['backup.vma']);
    },
  );
});

function systemError(code: string): Error {
  return Object.assign(new Error(code), { code });
}
