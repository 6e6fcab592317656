import { writeFileSync } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseBackupName } from '@vzdump-format/pve';
import type { ArchiveError } from '@vzdump-format/streams';
import { scratch } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import type { Backup } from './backup-store.js';
import { DirectoryStore } from './directory/directory-store.js';
import {
  type PruneOptions,
  pruneBackups,
  requireRoomForBackup,
  requireRoomForProtected,
} from './pruning-and-limits.js';

async function fill(...names: readonly string[]): Promise<string> {
  const directory = await scratch();
  for (const name of names) await writeFile(join(directory, name), '');
  return directory;
}

/** Names of a guest's backups, one a day. */
function daily(guest: string, days: number, extension = '.vma'): string[] {
  return Array.from({ length: days }, (_, day) => {
    return `vzdump-${guest}-2026_11_${String(day + 10).padStart(2, '0')}-02_00_00${extension}`;
  });
}

async function prune(directory: string, options: Partial<PruneOptions>) {
  const errors: ArchiveError[] = [];
  const told: Backup[] = [];
  const pruned = await pruneBackups(new DirectoryStore(directory), {
    retention: { last: 1 },
    onRemove: (backup) => told.push(backup),
    onError: (error) => errors.push(error),
    onWarning: ({ message }) => {
      throw new Error(message);
    },
    ...options,
  });
  const marks = pruned.map(({ backup, verdict, removed }) => {
    return [backup.name.fileName, verdict.mark, removed];
  });
  return { marks, errors, told: told.map(({ name }) => name.fileName) };
}

test('each guest keeps its own; kinds of guests are groups, kinds of compression are not', async () => {
  const [vm, container] = [daily('qemu-100', 3), daily('lxc-100', 2, '.tar.gz')];
  const other = daily('qemu-101', 1);
  vm[2] = vm[2]!.replace('.vma', '.vma.zst');
  const directory = await fill(
    ...vm,
    ...container,
    ...other,
    vm[0]!.replace('.vma', '.log'),
    `${vm[1]}.notes`,
  );
  const { marks, told, errors } = await prune(directory, {});
  expect(marks).toEqual([
    [container[0], 'remove', true],
    [container[1], 'keep', false],
    [vm[0], 'remove', true],
    [vm[1], 'remove', true],
    [vm[2], 'keep', false],
    [other[0], 'keep', false],
  ]);
  expect([told, errors]).toEqual([[container[0], vm[0], vm[1]], []]);
  expect((await readdir(directory)).sort()).toEqual([container[1], vm[2], other[0]].sort());
});

test('a dry run decides the same, and removes nothing', async () => {
  const names = daily('qemu-100', 3);
  const directory = await fill(...names);
  const { marks, told } = await prune(directory, { dryRun: true });
  expect(marks.map(([, mark, removed]) => [mark, removed])).toEqual([
    ...[
      ['remove', false],
      ['remove', false],
      ['keep', false],
    ],
  ]);
  expect(told).toEqual([]);
  expect(await readdir(directory)).toHaveLength(3);
});

test('protected and renamed ones stay, and count for nothing', async () => {
  const [first, second, third] = daily('lxc-100', 3, '.tar.zst');
  const renamed = 'vzdump-lxc-100-before-upgrade.tar.zst';
  const both = 'vzdump-lxc-100-precious.tar.zst';
  const directory = await fill(
    first!,
    second!,
    third!,
    `${third}.protected`,
    renamed,
    both,
    `${both}.protected`,
  );
  const { marks } = await prune(directory, {});
  expect(Object.fromEntries(marks.map(([name, mark]) => [name, mark]))).toEqual({
    [first!]: 'remove',
    [second!]: 'keep',
    [third!]: 'protected',
    [renamed]: 'renamed',
    [both]: 'protected',
  });
  expect(await readdir(directory)).toHaveLength(6);
});

test('without a rule, nothing is removed', async () => {
  const directory = await fill(...daily('qemu-100', 3));
  const { marks } = await prune(directory, { retention: { last: 0 } });
  expect(marks.every(([, mark]) => mark === 'keep')).toBe(true);
  expect(await readdir(directory)).toHaveLength(3);
});

test('other guests are not touched, nor listed', async () => {
  const [vm, container, other] = [daily('qemu-100', 2), daily('lxc-100', 2, '.tar'), daily('qemu-101', 2)];
  const directory = await fill(...vm, ...container, ...other);
  expect((await prune(directory, { type: 'qemu', vmid: 100 })).marks).toHaveLength(2);
  expect((await readdir(directory)).sort()).toEqual([vm[1], ...container, ...other].sort());
});

test('what cannot be removed is told, and the others are removed', async () => {
  const [first, second, third] = daily('qemu-100', 3);
  const directory = await fill(first!, second!, third!);
  const { marks, errors } = await prune(directory, {
    onRemove: () => writeFileSync(join(directory, `${second}.protected`), ''), // which comes too late for the first
  });
  expect(marks).toEqual([
    [first, 'remove', true],
    [second, 'remove', false],
    [third, 'keep', false],
  ]);
  const path = join(directory, second!);
  const message = `error when removing backup '${path}' - cannot remove protected archive '${path}'`;
  expect(errors).toMatchObject([{ code: 'BACKUP_REMOVE', message, entry: path }]);
  expect((await readdir(directory)).sort()).toEqual([second, `${second}.protected`, third].sort());
});

test('a signal ends it between two backups', async () => {
  const directory = await fill(...daily('qemu-100', 4));
  const controller = new AbortController();
  const onRemove = () => controller.abort(new Error('enough'));
  await expect(prune(directory, { onRemove, signal: controller.signal })).rejects.toThrow('enough');
  expect(await readdir(directory)).toHaveLength(3);
});

test('a directory that is not there', async () => {
  await expect(prune('/nonexistent', {})).rejects.toMatchObject({ code: 'ENOENT', path: '/nonexistent' });
});

describe('room for', () => {
  function backups(unprotected: number, protectedOnes: number): Backup[] {
    const name = parseBackupName('vzdump-qemu-100-2026_11_20-02_00_00.vma')!;
    const backup = {
      id: '',
      path: '',
      name,
      vmid: 100,
      size: 0,
      ctime: 0,
      notes: undefined,
      isProtected: false,
    };
    return [
      ...Array.from({ length: unprotected }, () => backup),
      ...Array.from({ length: protectedOnes }, () => ({ ...backup, isProtected: true })),
    ];
  }

  test('as many backups as the rules keep together', () => {
    requireRoomForBackup(backups(4, 9), { last: 3, daily: 2 });
    expect(() => requireRoomForBackup(backups(5, 0), { last: 3, daily: 2 })).toThrow(
      'There is a max backup limit of 5 enforced by the target storage or the vzdump parameters. ' +
        'Either increase the limit or delete old backups.',
    );
    requireRoomForBackup(backups(1000, 0), {});
  });

  test('as many protected ones as the storage allows', () => {
    requireRoomForProtected(backups(9, 4), { id: 'local', maxProtectedBackups: 5 });
    requireRoomForProtected(backups(0, 1000), { id: 'local', maxProtectedBackups: -1 });
    requireRoomForProtected(backups(0, 1000), { id: 'local' });
    expect(() => requireRoomForProtected(backups(0, 5), { id: 'local', maxProtectedBackups: 5 })).toThrow(
      "The number of protected backups per guest is limited to 5 on storage 'local'",
    );
    expect(() => requireRoomForProtected([], { id: 'nas', maxProtectedBackups: 0 })).toThrow(
      /limited to 0 on storage 'nas'/,
    );
  });
});
