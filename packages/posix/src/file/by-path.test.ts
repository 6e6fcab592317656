import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { link, lstat, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { PendingFile } from '@vzdump-format/streams';
import { useTemporaryDirectory } from '@vzdump-format/testing';
import { afterEach, expect, test, vi } from 'vitest';
import { allowNativeCalls } from '../native/native-calls.js';
import { describeOnLinux } from '../testing/conditions.js';
import { renameNoReplace } from './by-path.js';

vi.mock('node:fs/promises', async (original) => {
  const actual = await original<typeof import('node:fs/promises')>();
  const { link, lstat, rename } = actual;
  return { ...actual, link: vi.fn(link), lstat: vi.fn(lstat), rename: vi.fn(rename) };
});

const temporaryDirectory = useTemporaryDirectory();
const at = (name: string) => join(temporaryDirectory(), name);

afterEach(() => {
  allowNativeCalls(true);
  vi.mocked(rename).mockClear();
});

describeOnLinux('a rename that never replaces', () => {
  test('gives a file its name, and leaves another that has it', () => {
    writeFileSync(at('Grüße'), 'one');
    expect(renameNoReplace(at('Grüße'), at('two'))).toBe(true);
    expect(readdirSync(temporaryDirectory())).toEqual(['two']);
    writeFileSync(at('one'), 'other');
    expect(() => renameNoReplace(at('one'), at('two'))).toThrow(
      expect.objectContaining({ code: 'EEXIST', syscall: 'renameat2', path: at('one') }),
    );
    expect(readFileSync(at('two'), 'utf8')).toBe('one');
    expect(() => renameNoReplace(at('none'), at('new'))).toThrow('ENOENT');
  });

  test('is not possible without native calls', () => {
    writeFileSync(at('one'), '');
    allowNativeCalls(false);
    expect(renameNoReplace(at('one'), at('two'))).toBe(false);
  });

  test('is what a pending file gets its name by where there are no hard links', async () => {
    const eperm = Object.assign(new Error(), { code: 'EPERM' });
    vi.mocked(link).mockRejectedValueOnce(eperm);
    const pending = await PendingFile.create(at('file'));
    await pending.commit();
    expect(readdirSync(temporaryDirectory())).toEqual(['file']);
    writeFileSync(at('theirs'), 'theirs');
    vi.mocked(lstat).mockRejectedValueOnce(eperm).mockRejectedValueOnce(eperm); // looked at a moment too early
    vi.mocked(link).mockRejectedValueOnce(eperm);
    const late = await PendingFile.create(at('theirs'));
    await expect(late.commit()).rejects.toMatchObject({ code: 'FILE_EXISTS' });
    await late.discard();
    expect(readFileSync(at('theirs'), 'utf8')).toBe('theirs');
    expect(rename).not.toHaveBeenCalled();
  });
});
