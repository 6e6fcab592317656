import { lstatSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { allowNativeCalls } from '@vzdump-format/posix';
import { withDirectory } from '@vzdump-format/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { directory, entriesOf, file, fileInPieces, hardlink, node, symlink } from '../testing/entries.js';
import { contentsOf } from '../testing/what-is-there.js';
import { restoreTree } from './restore.js';

const AT = 981_173_106_123_456_000n;

beforeEach(() => allowNativeCalls(false));
afterEach(() => allowNativeCalls(true));

test('without native calls, what node:fs can make is made, and the rest is counted', async () => {
  await withDirectory(async (target) => {
    const mine = { uid: process.getuid!(), gid: process.getgid!(), mtime: AT };
    const warnings: string[] = [];
    const acl = [{ tag: 'user', id: 1, permissions: 4 }] as const;
    const result = await restoreTree(
      entriesOf(
        directory('', { ...mine, mode: 0o750 }),
        directory('d', { ...mine, mode: 0o500 }),
        file('d/f', 'x', { ...mine, mode: 0o604, xattrs: new Map([['user.a', Buffer.from('b')]]) }),
        fileInPieces('d/g', ['x', 'y'], { ...mine, acl }),
        file('c', '', { ...mine, fcaps: Buffer.alloc(20), flags: 0x40, quotaProject: 5 }),
        symlink('d/l', 'f', mine),
        hardlink('h', 'd/f'),
        hardlink('k', 'd/l'),
        node('p', 'fifo'),
        node('n', 'char'),
        node('s', 'socket'),
        file('d/late', '', mine),
      ),
      target,
      { onWarning: ({ code }) => warnings.push(code) },
    );
    expect(result).toEqual({
      restored: 8,
      bytes: 3,
      skipped: 0,
      losses: {
        xattr: 1,
        acl: 1,
        capabilities: 1,
        'quota-project': 1,
        flags: 1,
        hardlink: 1,
        fifo: 1,
        device: 1,
        socket: 1,
      },
    });
    expect(warnings[0]).toBe('TREE_SYSTEM_LACKS');
    expect(contentsOf(target)).toEqual({
      c: '',
      d: 'd',
      'd/f': 'x',
      'd/g': 'xy',
      'd/l': '-> f',
      'd/late': '',
      h: 'x',
    });
    for (const path of ['', 'd', 'd/f', 'd/l']) {
      expect([path, lstatSync(join(target, path), { bigint: true }).mtimeNs]).toEqual([path, AT]);
    }
    expect(['', 'd', 'd/f'].map((path) => statSync(join(target, path)).mode & 0o777)).toEqual([
      0o750, 0o500, 0o604,
    ]);
  });
});
