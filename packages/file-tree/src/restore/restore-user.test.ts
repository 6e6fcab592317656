import { chmodSync, chownSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { asUser, testInDirectory } from '@vzdump-format/testing';
import { expect } from 'vitest';
import type { FileEntry } from '../entry/entry.js';
import { directory, entriesOf, file, fileInPieces, hardlink, node, symlink } from '../testing/entries.js';
import { contentsOf } from '../testing/what-is-there.js';
import { type RestoreTreeOptions, type RestoreTreeResult, restoreTree } from './restore.js';

const USER = 65_534;
const AT = 981_173_106_123_456_789n;
const MINE = { uid: USER, gid: USER };

/** With the rights of an ordinary user, to whom the target belongs. */
async function restoreAsUser(
  target: string,
  entries: readonly FileEntry[],
  options?: RestoreTreeOptions,
): Promise<RestoreTreeResult> {
  let result: RestoreTreeResult | undefined;
  chownSync(target, USER, USER);
  await asUser(USER, USER, async () => {
    result = await restoreTree(entriesOf(...entries), target, options);
  });
  return result!;
}

function has(target: string, path: string): string {
  const { uid, gid, mode } = statSync(join(target, path));
  return `${uid}:${gid} ${(mode & 0o7777).toString(8)}`;
}

testInDirectory(['root'], 'a user restores own files with all that they had', async (target) => {
  const entries = [
    directory('d', { ...MINE, mode: 0o2750, mtime: AT }),
    file('d/f', 'x', { ...MINE, mode: 0o6755, xattrs: new Map([['user.a', Buffer.from('b')]]) }),
    fileInPieces('d/g', ['x'], { ...MINE, mode: 0o400 }),
    symlink('d/l', 'f', MINE),
    node('d/p', 'fifo', MINE),
    node('d/s', 'socket', MINE),
    hardlink('h', 'd/f'),
  ];
  expect(await restoreAsUser(target, entries)).toEqual({
    restored: 7,
    bytes: expect.any(Number),
    skipped: 0,
    losses: {},
  });
  expect(has(target, 'd')).toBe('65534:65534 2750');
  expect(has(target, 'd/f')).toBe('65534:65534 6755');
  expect(statSync(join(target, 'd'), { bigint: true }).mtimeNs).toBe(AT);
});

testInDirectory(['root'], 'what takes more rights is lost, and counted', async (target) => {
  const warnings: string[] = [];
  const entries = [
    directory('d', { mode: 0o2755 }),
    file('d/f', 'x', { mode: 0o4755 }),
    file('d/g', 'x', { uid: USER, gid: 0, mode: 0o6755 }),
    file('t', '', { ...MINE, xattrs: new Map([['trusted.a', Buffer.from('b')]]) }),
    file('c', '', { ...MINE, fcaps: Buffer.from('0100000200200000000000000000000000000000', 'hex') }),
    file('i', '', { ...MINE, flags: 0x10 }),
    node('n', 'char'),
    node('b', 'block'),
    hardlink('m', 'n'),
  ];
  const result = await restoreAsUser(target, entries, { onWarning: ({ message }) => warnings.push(message) });
  expect(result).toEqual({
    restored: 6,
    bytes: 2,
    skipped: 0,
    losses: { owner: 3, 'set-id': 2, xattr: 1, capabilities: 1, flags: 1, device: 2, hardlink: 1 },
  });
  expect(warnings).toEqual([
    'owner not restored: 3 entries, first d/f',
    'setuid or setgid not restored, because the file belongs to someone else now: 2 entries, first d/f',
    'extended attributes not restored: t (fsetxattr: EPERM)',
    'capabilities not restored: c (fsetxattr: EPERM)',
    'file attributes (as chattr sets them) not restored: i (ioctl: EPERM)',
    'device not made: 2 entries, first n (mknodat: EPERM)',
    'hard link not made: m (n is not there)',
  ]);
  // setuid for root must not become setuid for the user, and setgid for root's group not setgid for the
  // user's
  expect([has(target, 'd/f'), has(target, 'd/g')]).toEqual(['65534:65534 755', '65534:65534 4755']);
});

testInDirectory(
  ['root'],
  'owners are tried for when they are asked for, and not counted when they are not',
  async (target) => {
    const entries = [file('f', '')];
    expect((await restoreAsUser(join(target), entries, { owner: true })).losses).toEqual({ owner: 1 });
    expect((await restoreAsUser(join(target), [file('g', '')], { owner: false })).losses).toEqual({});
  },
);

testInDirectory(
  ['root'],
  'directories that are closed to their owner are filled, in any order',
  async (target) => {
    const closed = { ...MINE, mtime: AT };
    const entries = [
      directory('none', { ...closed, mode: 0 }),
      file('none/a', '1', MINE),
      directory('none/deep', { ...closed, mode: 0o500 }),
      file('none/deep/b', '2', MINE),
      file('between', '', MINE),
      file('none/deep/c', '3', MINE),
      hardlink('h', 'none/deep/b'),
      file('other/x', '', MINE),
      hardlink('other/h', 'none/a'),
      file('none/d', '4', MINE),
      directory('none/deep', { ...closed, mode: 0o100 }),
      directory('', { ...closed, mode: 0o555 }),
    ];
    expect((await restoreAsUser(target, entries)).losses).toEqual({});
    expect(contentsOf(target)).toEqual({
      none: 'd',
      'none/a': '1',
      'none/d': '4',
      'none/deep': 'd',
      'none/deep/b': '2',
      'none/deep/c': '3',
      between: '',
      h: '2',
      other: 'd',
      'other/h': '1',
      'other/x': '',
    });
    expect(['', 'none', 'none/deep'].map((path) => has(target, path))).toEqual([
      '65534:65534 555',
      '65534:65534 0',
      '65534:65534 100',
    ]);
    for (const path of ['none', 'none/deep']) {
      expect(statSync(join(target, path), { bigint: true }).mtimeNs).toBe(AT);
    }
  },
);

testInDirectory(['root'], 'what was closed before is not opened', async (target) => {
  mkdirSync(join(target, 'closed'));
  writeFileSync(join(target, 'closed/f'), 'x');
  chownSync(join(target, 'closed'), USER, USER);
  for (const mode of [0o500, 0]) {
    chmodSync(join(target, 'closed'), mode);
    for (const entry of [file('closed/new', '', MINE), fileInPieces('closed/g', ['x'], MINE)]) {
      await expect(restoreAsUser(target, [entry])).rejects.toMatchObject({
        code: 'TREE_SYSTEM',
        cause: { code: 'EACCES' },
      });
    }
    expect(statSync(join(target, 'closed')).mode & 0o777).toBe(mode);
  }
  expect(contentsOf(target)).toEqual({ closed: 'd', 'closed/f': 'x' });
});

testInDirectory(
  ['root'],
  'but for an entry of its own, it is, until it has what that says',
  async (target) => {
    mkdirSync(join(target, 'closed'));
    chmodSync(join(target, 'closed'), 0o100);
    chownSync(join(target, 'closed'), USER, USER);
    const entries = [
      directory('closed', { ...MINE, mode: 0o500, mtime: AT }),
      file('closed/a', '1', MINE),
      file('between', '', MINE),
      file('closed/b', '2', MINE),
    ];
    expect((await restoreAsUser(target, entries)).losses).toEqual({});
    expect(contentsOf(target)).toEqual({ closed: 'd', 'closed/a': '1', 'closed/b': '2', between: '' });
    expect(has(target, 'closed')).toBe('65534:65534 500');
    expect(statSync(join(target, 'closed'), { bigint: true }).mtimeNs).toBe(AT);
  },
);

testInDirectory(['root'], "a directory of another's is merged, and keeps what it has", async (target) => {
  mkdirSync(join(target, 'd'), { mode: 0o777 });
  chmodSync(join(target, 'd'), 0o777);
  const { losses } = await restoreAsUser(target, [directory('d', { mode: 0o700 }), file('d/f', 'x', MINE)]);
  expect(losses).toEqual({ mode: 1, times: 1 });
  expect(has(target, 'd')).toBe('0:0 777');
  expect(contentsOf(target)).toEqual({ d: 'd', 'd/f': 'x' });
});
