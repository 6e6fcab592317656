import { chmodSync, chownSync, lstatSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { openDirectory } from '@vzdump-format/posix';
import { type ArchiveWarning, PullIterator } from '@vzdump-format/streams';
import { BTRFS, EXT4, testInDirectory, testOnFileSystem, withDirectory, XFS } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import type { FileEntry } from '../entry/entry.js';
import { ACCESS_ACL, encodeAcl } from '../metadata/acl.js';
import { CAPABILITIES } from '../metadata/capabilities.js';
import { IdMap } from '../metadata/id-map.js';
import { directory, entriesOf, file, fileInPieces, hardlink, node, symlink } from '../testing/entries.js';
import { readXattr, runTool } from '../testing/tools.js';
import { contentsOf } from '../testing/what-is-there.js';
import { type RestoreTreeOptions, type RestoreTreeResult, restoreTree } from './restore.js';

const AT = 981_173_106_123_456_789n;

function restore(
  target: string,
  entries: readonly FileEntry[],
  options?: RestoreTreeOptions,
): Promise<RestoreTreeResult> {
  return restoreTree(entriesOf(...entries), target, options);
}

/** What a file of any type has, without following it. */
function statusOf(path: string) {
  const slash = path.lastIndexOf('/');
  const parent = openDirectory(path.slice(0, slash));
  try {
    return parent.status(path.slice(slash + 1));
  } finally {
    parent.close();
  }
}

/** `restore` of entries that are expected to lose something, and what was said of it. */
async function restoreWithLoss(
  target: string,
  entries: readonly FileEntry[],
  options: RestoreTreeOptions = {},
): Promise<RestoreTreeResult & { readonly warnings: readonly string[] }> {
  const warnings: ArchiveWarning[] = [];
  const result = await restore(target, entries, {
    ...options,
    onWarning: (warning) => warnings.push(warning),
  });
  return { ...result, warnings: warnings.map(({ code, message }) => `${code} ${message}`) };
}

/** cap_net_raw, permitted and effective, in revision 2. */
const NET_RAW = Buffer.from('0100000200200000000000000000000000000000', 'hex');

testInDirectory(['root'], 'owner, mode and time, of files of all types', async (target) => {
  const odd = { uid: 70_001, gid: 70_002, mtime: AT };
  const entries = [
    directory('d', { ...odd, mode: 0o3751 }),
    file('d/f', 'x', { ...odd, mode: 0o6755 }),
    fileInPieces('d/g', ['x', 'y'], { ...odd, mode: 0o7000 }),
    symlink('d/l', 'nowhere', odd),
    node('d/p', 'fifo', { ...odd, mode: 0o604 }),
    node('d/c', 'char', { ...odd, mode: 0o666, device: { major: 4095, minor: 1_048_575 } }),
    node('d/b', 'block', { ...odd, mode: 0, device: { major: 259, minor: 70_000 } }),
    node('d/s', 'socket', { ...odd, mode: 0o777 }),
    file('d/n', '', { ...odd, mode: 0 }),
  ];
  expect(await restore(target, entries)).toEqual({
    restored: 9,
    bytes: expect.any(Number),
    skipped: 0,
    losses: {},
  });
  for (const { path, type, mode, device } of entries) {
    const { type: is, mode: has, uid, gid, mtime, specialDevice } = statusOf(join(target, path));
    expect([path, is, has, uid, gid, mtime]).toEqual([path, type, mode, 70_001, 70_002, AT]);
    expect(specialDevice).toEqual(device ?? { major: 0, minor: 0 });
  }
});

describe('modes', () => {
  async function withUmask(umask: number, work: () => Promise<unknown>): Promise<void> {
    const before = process.umask(umask);
    try {
      await work();
    } finally {
      process.umask(before);
    }
  }

  testInDirectory(['root'], 'of many files at once, whatever the umask is', async (target) => {
    const modes = [0o644, 0o644, 0o644, 0o600, 0o644, 0o666, 0o666, 0o4755, 0o644, 0, 0o644, 0o777, 0o644];
    const files = modes.map((mode, index) => file(`f${index}`, '', { mode }));
    await withUmask(0o022, () => restoreTree(PullIterator.of(files), target));
    expect(modes.map((_, index) => statusOf(join(target, `f${index}`)).mode)).toEqual(modes);
  });

  testInDirectory(['root'], 'when the umask changes meanwhile', async (target) => {
    async function* entries(): AsyncGenerator<FileEntry> {
      for (let index = 0; index < 6; index++) {
        if (index === 4) process.umask(0o077);
        yield file(`f${index}`, '', { mode: 0o644 });
      }
    }
    await withUmask(0o022, () => restoreTree(entries(), target));
    for (let index = 0; index < 6; index++) expect(statusOf(join(target, `f${index}`)).mode).toBe(0o644);
  });
});

testInDirectory(['root'], 'who gets what, in a directory that gives its group', async (target) => {
  chownSync(target, 0, 1234);
  chmodSync(target, 0o2755);
  const gids = [0, 0, 1234, 1234, 0, 50, 0];
  const files = gids.map((gid, index) => file(`f${index}`, '', { gid }));
  await restoreTree(PullIterator.of(files), target);
  const found = gids.map((_, index) => statusOf(join(target, `f${index}`)));
  expect(found.map(({ gid }) => gid)).toEqual(gids);
  expect(found.map(({ mode }) => mode)).toEqual(gids.map(() => 0o644));
});

testInDirectory(['root'], 'times before 1970 and after 2038, to the nanosecond', async (target) => {
  const times = [-1n, -1_500_000_000n, 0n, 1n, 4_294_967_296_000_000_001n, -2_147_483_648_000_000_000n];
  await restore(target, [
    ...times.map((mtime, index) => file(`f${index}`, '', { mtime })),
    ...times.map((mtime, index) => symlink(`l${index}`, 'x', { mtime })),
  ]);
  const found = (letter: string) =>
    times.map((_, index) => statusOf(join(target, `${letter}${index}`)).mtime);
  expect([found('f'), found('l')]).toEqual([times, times]);
});

testInDirectory(['root'], 'a time that no clock shows is lost', async (target) => {
  const far = { mtime: 10n ** 40n };
  const { losses, warnings } = await restoreWithLoss(target, [file('f', '', far), directory('d', far)]);
  expect(losses).toEqual({ times: 2 });
  expect(warnings).toEqual([
    'TREE_LOST_TIMES modification time not restored: 2 entries, first f (futimens: EINVAL)',
  ]);
});

testInDirectory(['root', 'getfattr'], 'extended attributes of any bytes', async (target) => {
  const value = Buffer.from([0, 1, 0xff, 0x0a, 0]);
  const xattrs = new Map([
    ['user.binary', value],
    ['user.empty', Buffer.alloc(0)],
    ['trusted.t', value],
    ['security.s', value],
  ]);
  const others = new Map([['trusted.t', value]]);
  const entries = [
    file('f', 'x', { xattrs, mode: 0o400 }),
    directory('d', { xattrs }),
    symlink('l', 'f', { xattrs: others }),
    node('p', 'fifo', { xattrs: others }),
  ];
  expect((await restore(target, entries)).losses).toEqual({});
  for (const path of ['f', 'd']) {
    for (const [name, bytes] of xattrs) expect(readXattr(join(target, path), name)).toEqual(bytes);
  }
  for (const path of ['l', 'p']) expect(readXattr(join(target, path), 'trusted.t')).toEqual(value);
});

testInDirectory(
  ['root', 'getfattr'],
  'attributes that cannot be set are counted once a file, and the others are set',
  async (target) => {
    const everyone = (['user-object', 'group-object', 'other'] as const).map((tag) => ({
      tag,
      permissions: 7,
    }));
    const xattrs = new Map([
      ['user.a', Buffer.from('a')],
      ['nonsense', Buffer.from('b')],
      ['user.too-large', Buffer.alloc(100_000)],
      [ACCESS_ACL, encodeAcl(everyone)],
      [CAPABILITIES, NET_RAW],
      ['user.z', Buffer.from('z')],
    ]);
    const { losses } = await restoreWithLoss(target, [file('f', '', { xattrs }), file('g', '', { xattrs })]);
    expect(losses).toEqual({ xattr: 2 });
    const shown = runTool('getfattr', ['--absolute-names', '-d', '-m', '-', join(target, 'g')]).split('\n');
    expect(shown.slice(1, -2)).toEqual(['user.a="a"', 'user.z="z"']);
    expect(statSync(join(target, 'g')).mode & 0o777).toBe(0o644);
  },
);

testInDirectory(
  ['root', 'getcap'],
  'capabilities, which a change of owner would take away',
  async (target) => {
    const path = join(target, 'f');
    const details = { fcaps: NET_RAW, uid: 1234, gid: 1234, mode: 0o4755 };
    expect((await restore(target, [file('f', 'x', details)])).losses).toEqual({});
    expect(runTool('getcap', [path])).toBe(`${path} cap_net_raw=ep\n`);
    expect(statSync(path).mode & 0o7777).toBe(0o4755);
    const bad = await restoreWithLoss(target, [file('g', 'x', { fcaps: Buffer.from('no such') })]);
    expect(bad.losses).toEqual({ capabilities: 1 });
  },
);

describe('access control lists', () => {
  const acl = [
    { tag: 'mask', permissions: 5 },
    { tag: 'user', id: 1234, permissions: 7 },
    { tag: 'group', id: 50, permissions: 4 },
    { tag: 'user-object', permissions: 6 },
    { tag: 'group-object', permissions: 4 },
    { tag: 'other', permissions: 0 },
  ] as const;

  function aclOf(path: string, ...options: string[]): string[] {
    const text = runTool('getfacl', [
      '--absolute-names',
      '--numeric',
      '--omit-header',
      '--no-effective',
      ...options,
      path,
    ]);
    return text.trim().split('\n');
  }

  testInDirectory(
    ['root', 'getfacl'],
    'of files and directories, and for what is made in them later',
    async (target) => {
      const entries = [
        file('f', '', { acl, mode: 0o650 }),
        directory('d', { acl, defaultAcl: acl, mode: 0o650 }),
        file('d/f', ''),
      ];
      expect((await restore(target, entries)).losses).toEqual({});
      const lines = ['user::rw-', 'user:1234:rwx', 'group::r--', 'group:50:r--', 'mask::r-x', 'other::---'];
      expect(aclOf(join(target, 'f'))).toEqual(lines);
      expect(aclOf(join(target, 'd'))).toEqual([...lines, ...lines.map((line) => `default:${line}`)]);
      expect(aclOf(join(target, 'd/f'))).toEqual(['user::rw-', 'group::r--', 'other::r--']);
    },
  );

  testInDirectory(['root', 'getfacl'], 'of which the mode has a part', async (target) => {
    const partial = [
      { tag: 'user', id: 1234, permissions: 7 },
      { tag: 'group-object', permissions: 4 },
    ] as const;
    await restore(target, [file('f', '', { acl: partial, mode: 0o751 })]);
    expect(aclOf(join(target, 'f'))).toEqual([
      'user::rwx',
      'user:1234:rwx',
      'group::r--',
      'mask::r-x',
      'other::--x',
    ]);
    expect(statSync(join(target, 'f')).mode & 0o777).toBe(0o751);
  });

  testInDirectory(
    ['root', 'getfacl'],
    'by names, as they are known here; others are lost',
    async (target) => {
      const named = [
        ...acl.filter(({ tag }) => tag !== 'user' && tag !== 'group'),
        { tag: 'user', name: 'known', permissions: 7 },
        { tag: 'group', name: 'unknown', permissions: 7 },
        { tag: 'group', name: 'known', id: 77, permissions: 1 },
      ] as const;
      const accounts = { idOf: (_: unknown, name: string) => (name === 'known' ? 4321 : undefined) };
      const { losses, warnings } = await restoreWithLoss(
        target,
        [file('f', '', { acl: named, mode: 0o650 })],
        {
          accounts,
        },
      );
      expect(losses).toEqual({ acl: 1 });
      expect(warnings).toEqual([
        'TREE_LOST_ACL access control list not restored in full: f (1 of its users and groups are not known here)',
      ]);
      expect(aclOf(join(target, 'f'))).toEqual([
        'user::rw-',
        'user:4321:rwx',
        'group::r--',
        'group:77:--x',
        'mask::r-x',
        'other::---',
      ]);
    },
  );

  testInDirectory(['root', 'getfacl'], 'that are none are lost', async (target) => {
    const twice = [...acl, { tag: 'mask', permissions: 7 }] as const;
    const { losses } = await restoreWithLoss(target, [file('f', '', { acl: twice, mode: 0o670 })]);
    expect(losses).toEqual({ acl: 1 });
    expect(aclOf(join(target, 'f'))).toEqual(['user::rw-', 'group::r--', 'other::---']);
  });

  testInDirectory(
    ['root', 'getfacl', 'setfacl'],
    'of the target do not get into what is restored',
    async (target) => {
      runTool('setfacl', ['-m', 'd:u:999:rwx,u:999:rwx', target]);
      const entries = [
        file('f', '', { mode: 0o640 }),
        fileInPieces('g', ['x'], { mode: 0o640 }),
        directory('d', { mode: 0o750 }),
        file('d/f', '', { mode: 0o640 }),
        directory('d/d', { mode: 0o750 }),
        node('p', 'fifo', { mode: 0o640 }),
        file('between/f', '', { mode: 0o640 }),
        symlink('l', 'f'),
      ];
      expect((await restore(target, entries)).losses).toEqual({});
      for (const path of ['f', 'g', 'd/f', 'p', 'between/f']) {
        expect([path, ...aclOf(join(target, path))]).toEqual([path, 'user::rw-', 'group::r--', 'other::---']);
      }
      for (const path of ['d', 'd/d']) {
        expect([path, ...aclOf(join(target, path))]).toEqual([path, 'user::rwx', 'group::r-x', 'other::---']);
      }
    },
  );

  testInDirectory(
    ['root', 'getfacl'],
    'nor do those of a directory that was restored before',
    async (target) => {
      const entries = [directory('d', { defaultAcl: acl }), file('e', ''), file('d/f', '', { mode: 0o640 })];
      await restore(target, entries);
      expect(aclOf(join(target, 'd/f'))).toEqual(['user::rw-', 'group::r--', 'other::---']);
    },
  );
});

testInDirectory(
  ['root'],
  'a directory that passes on its group does not to what is restored',
  async (target) => {
    chownSync(target, 0, 5);
    chmodSync(target, 0o2775);
    const entries = [
      file('f', '', { mode: 0o644 }),
      directory('d', { mode: 0o755 }),
      file('d/f', ''),
      symlink('l', 'f'),
      file('g', '', { gid: 5, mode: 0o2755 }),
    ];
    await restore(target, entries);
    const modes = ['f', 'd', 'd/f', 'l', 'g'].map((path) => {
      const { gid, mode } = lstatSync(join(target, path));
      return `${path} ${gid} ${(mode & 0o7777).toString(8)}`;
    });
    expect(modes).toEqual(['f 0 644', 'd 0 755', 'd/f 0 644', 'l 0 777', 'g 5 2755']);
  },
);

describe('owners that cannot be', () => {
  const NOBODY_HERE = 0xffff_ffff; // which chown(2) takes for 'as it is'

  testInDirectory(['root'], 'are lost, and setuid with them', async (target) => {
    const details = { mode: 0o6755, uid: NOBODY_HERE, gid: NOBODY_HERE };
    const { losses, warnings } = await restoreWithLoss(target, [
      file('f', '', details),
      directory('d', { ...details, mode: 0o2755 }),
      file('g', '', { ...details, uid: 2 ** 32 }),
    ]);
    expect(losses).toEqual({ owner: 3, 'set-id': 2 });
    expect(warnings).toEqual([
      'TREE_LOST_OWNER owner not restored: 3 entries, first f (no such id here as 4294967295:4294967295)',
      'TREE_LOST_SET_ID setuid or setgid not restored, because the file belongs to someone else now: 2 entries, first f',
    ]);
    expect(statSync(join(target, 'f'))).toMatchObject({ uid: 0, mode: 0o100755 });
    expect(statSync(join(target, 'd')).mode).toBe(0o42755);
  });

  testInDirectory(['root'], 'or are not to be are not counted, but setuid is', async (target) => {
    const details = { uid: 1234, gid: 0, mode: 0o6755 };
    const { losses } = await restoreWithLoss(target, [file('f', '', details)], { owner: false });
    expect(losses).toEqual({ 'set-id': 1 });
    expect(statSync(join(target, 'f'))).toMatchObject({ uid: 0, mode: 0o102755 });
  });
});

describe('a container', () => {
  const idMap = IdMap.parse(['b:0:100000:65536']);

  testInDirectory(['root', 'getfacl', 'getfattr'], 'has its ids on the host', async (target) => {
    const acl = [
      { tag: 'user', id: 33, permissions: 4 },
      { tag: 'user', id: 70_000, permissions: 4 },
    ] as const;
    const details = { uid: 0, gid: 33, mode: 0o6755, fcaps: NET_RAW };
    const { losses } = await restoreWithLoss(
      target,
      [file('f', '', details), file('a', '', { acl }), directory('d', { uid: 65_535 }), symlink('l', 'f')],
      { idMap },
    );
    expect(losses).toEqual({ acl: 1 });
    expect(statSync(join(target, 'f'))).toMatchObject({ uid: 100_000, gid: 100_033, mode: 0o106755 });
    expect(statSync(join(target, 'd'))).toMatchObject({ uid: 165_535, gid: 100_000 });
    expect(lstatSync(join(target, 'l'))).toMatchObject({ uid: 100_000, gid: 100_000 });
    // revision 3, with the id of the container's superuser
    expect(readXattr(join(target, 'f'), CAPABILITIES).toString('hex')).toBe(
      '0100000300200000000000000000000000000000a0860100',
    );
    expect(runTool('getfacl', ['--absolute-names', '--numeric', join(target, 'a')])).toContain(
      'user:100033:r--',
    );
  });

  testInDirectory(['root'], 'has no devices, but whiteouts', async (target) => {
    const entries = [
      node('disk', 'block', { device: { major: 8, minor: 0 } }),
      node('null', 'char'),
      node('gone', 'char', { device: { major: 0, minor: 0 } }),
      node('not-gone', 'block', { device: { major: 0, minor: 0 } }),
      node('pipe', 'fifo'),
    ];
    expect((await restoreWithLoss(target, entries, { idMap })).losses).toEqual({ device: 3 });
    expect(contentsOf(target)).toEqual({ gone: 'c', pipe: 'p' });
    await restore(target, [node('null', 'char')], { idMap, devices: true });
    expect(contentsOf(target)).toMatchObject({ null: 'c' });
  });

  testInDirectory(['root'], 'cannot have what would count on the host', async (target) => {
    const xattrs = new Map([
      ['trusted.overlay.opaque', Buffer.from('y')],
      ['security.ima', Buffer.from('x')],
      [CAPABILITIES, NET_RAW],
    ]);
    const entries = [
      file('f', '', { xattrs }),
      file('g', '', { uid: 65_536, gid: 0, mode: 0o4755 }),
      file('h', '', { fcaps: Buffer.from('none') }),
    ];
    const { losses } = await restoreWithLoss(target, entries, { idMap });
    expect(losses).toEqual({ xattr: 1, owner: 1, 'set-id': 1, capabilities: 1 });
    expect(runTool('getfattr', ['--absolute-names', '-m', '-', join(target, 'f')])).toBe('');
    expect(statSync(join(target, 'g'))).toMatchObject({ uid: 0, gid: 100_000, mode: 0o100755 });
  });
});

test('holes, as the entry has them', async () => {
  await withDirectory(async (target) => {
    const data = Buffer.alloc(8192, 1);
    const extents = [
      { offset: 1 << 20, length: 4096 },
      { offset: 4 << 20, length: 4096 },
    ];
    const details = { size: 8 << 20, extents };
    await restore(target, [
      file('at-once', data, details),
      fileInPieces('in-pieces', ['\u0001'.repeat(5000), '\u0001'.repeat(3192)], details),
      file('zeros', Buffer.alloc(1 << 20)),
    ]);
    await restore(target, [file('z/zeros', Buffer.alloc(1 << 20))], { zerosToHoles: true });
    const shape = (path: string) => {
      const { size, blocks } = statSync(join(target, path));
      return [size, blocks * 512];
    };
    expect(shape('at-once')).toEqual([8 << 20, 8192]);
    expect(shape('in-pieces')).toEqual([8 << 20, 8192]);
    expect(shape('zeros')).toEqual([1 << 20, 1 << 20]);
    expect(shape('z/zeros')).toEqual([1 << 20, 0]);
  });
});

const NODUMP = 0x40;
const IMMUTABLE = 0x10;
const APPEND = 0x20;
/** A bit that ext4 sets by itself, and chattr cannot. */
const EXTENTS = 0x8_0000;

testOnFileSystem('file attributes', EXT4, async (target) => {
  const entries = [
    file('f', 'x', { flags: NODUMP | EXTENTS }),
    fileInPieces('i', ['x', 'y'], { flags: IMMUTABLE | NODUMP, mtime: AT }),
    hardlink('j', 'i'),
    file('a', 'x', { flags: APPEND }),
    hardlink('b', 'a'),
    directory('d', { flags: IMMUTABLE | APPEND | NODUMP, mtime: AT }),
    file('d/f', 'x'),
    node('p', 'fifo', { flags: EXTENTS }),
  ];
  expect(await restore(target, entries)).toEqual({
    restored: 8,
    bytes: expect.any(Number),
    skipped: 0,
    losses: {},
  });
  const shown = (path: string) =>
    runTool('lsattr', ['-d', join(target, path)])
      .split('/')[0]!
      .replaceAll('-', '')
      .trim();
  expect(['f', 'i', 'j', 'a', 'b', 'd'].map(shown)).toEqual(['de', 'ide', 'ide', 'ae', 'ae', 'iade']);
  expect(statusOf(join(target, 'i'))).toMatchObject({ mtime: AT, links: 2 });
  expect(statusOf(join(target, 'd')).mtime).toBe(AT);
});

testOnFileSystem('quota projects', XFS, async (target) => {
  const entries = [
    directory('d', { quotaProject: 8 }),
    file('d/f', 'x', { quotaProject: 7 }),
    fileInPieces('d/g', ['x'], { quotaProject: 4_000_000_000 }),
  ];
  expect((await restore(target, entries)).losses).toEqual({});
  const projects = entries.map(
    ({ path }) =>
      runTool('lsattr', ['-dp', join(target, path)])
        .trim()
        .split(' ')[0],
  );
  expect(projects).toEqual(['8', '7', '4000000000']);
});

testOnFileSystem('attributes of what cannot have them are lost', EXT4, async (target) => {
  const { losses } = await restoreWithLoss(target, [
    node('p', 'fifo', { flags: NODUMP, quotaProject: 7 }),
    symlink('l', 'p', { flags: IMMUTABLE }),
  ]);
  expect(losses).toEqual({ flags: 2, 'quota-project': 1 });
});

const NOCOW = 0x80_0000;
const COMPRESS = 0x4;

testOnFileSystem('attributes that only an empty file can be given', BTRFS, async (target) => {
  const entries = [
    file('nocow', 'x'.repeat(10_000), { flags: NOCOW }),
    fileInPieces('pieces', ['x', 'y'], { flags: NOCOW }),
    fileInPieces('small', ['x', 'y'], { flags: COMPRESS }),
  ];
  expect((await restore(target, entries)).losses).toEqual({});
  expect(runTool('lsattr', [join(target, 'nocow')])).toMatch(/^-+C-+ /);
  expect(runTool('lsattr', [join(target, 'pieces')])).toMatch(/^-+C-+ /);
  expect(runTool('lsattr', [join(target, 'small')])).toMatch(/^-+c-+ /);
});

testOnFileSystem(
  'what the file system does not have is lost, and counted',
  { type: 'ramfs' },
  async (target) => {
    const acl = [
      { tag: 'user', id: 5, permissions: 7 },
      { tag: 'group-object', permissions: 1 },
      { tag: 'mask', permissions: 7 },
    ] as const;
    const everything = {
      xattrs: new Map([
        ['user.a', Buffer.from('a')],
        ['user.b', Buffer.from('b')],
      ]),
      acl,
      fcaps: NET_RAW,
      flags: NODUMP,
      quotaProject: 5,
      mode: 0o674,
    };
    const { losses, warnings } = await restoreWithLoss(target, [
      file('f', 'x', everything),
      directory('d', { ...everything, defaultAcl: acl }),
      symlink('l', 'x'),
    ]);
    expect(losses).toEqual({ xattr: 2, acl: 2, capabilities: 2, flags: 2, 'quota-project': 2 });
    expect(warnings).toContain(
      'TREE_LOST_XATTR extended attributes not restored: 2 entries, first f (fsetxattr: ENOTSUP)',
    );
    expect(warnings).toHaveLength(5);
    // the group does not get what the mask allowed others
    expect(statSync(join(target, 'f')).mode & 0o777).toBe(0o614);
  },
);

testOnFileSystem('a hard link to another file system is lost', { type: 'tmpfs' }, async (mounted) => {
  const target = join(mounted, '..');
  const { losses, warnings } = await restoreWithLoss(target, [file('f', 'x'), hardlink('mounted/h', 'f')]);
  expect(losses).toEqual({ hardlink: 1 });
  expect(warnings).toEqual(['TREE_LOST_HARDLINK hard link not made: mounted/h (linkat: EXDEV)']);
  expect(contentsOf(mounted)).toEqual({});
});
