import { chownSync, closeSync, mkdirSync, openSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { getFlags, openDirectory, setFlags, setQuotaProject } from '@vzdump-format/posix';
import { EXT4, testInDirectory, testOnFileSystem, XFS } from '@vzdump-format/testing';
import { describe, expect } from 'vitest';
import { ACCESS_ACL, encodeAcl, formatAclText } from '../metadata/acl.js';
import { CAPABILITIES } from '../metadata/capabilities.js';
import { IdMap } from '../metadata/id-map.js';
import { runTool, writeXattr } from '../testing/tools.js';
import { walked } from '../testing/walked.js';

const BINARY = Uint8Array.of(0, 0xff, 0x0a, 0x3d, 0);
const NET_RAW = Buffer.from('0100000200200000000000000000000000000000', 'hex');

/** As the superuser of a container has them on the host. */
function netRawFor(root: number): Buffer {
  const value = Buffer.concat([NET_RAW, Buffer.alloc(4)]);
  value[3] = 3;
  value.writeUInt32LE(root, 20);
  return value;
}

describe('extended attributes', () => {
  testInDirectory(
    ['root', 'setfattr'],
    'of containers are kept, and others where they are asked for',
    async (root) => {
      mkdirSync(join(root, 'd'));
      writeFileSync(join(root, 'f'), '');
      writeFileSync(join(root, 'plain'), '');
      symlinkSync('f', join(root, 'l'));
      for (const path of ['', 'd', 'f']) {
        writeXattr(join(root, path), 'user.binary', BINARY);
        writeXattr(join(root, path), 'user.empty', Buffer.alloc(0));
        writeXattr(join(root, path), 'trusted.x', Buffer.from('y'));
      }
      writeXattr(join(root, 'l'), 'trusted.link', Buffer.from('its own'));
      const user = new Map([
        ['user.binary', Buffer.from(BINARY)],
        ['user.empty', Buffer.alloc(0)],
      ]);
      const { at, warnings } = await walked(root);
      expect(warnings).toEqual([]);
      for (const path of ['', 'd', 'f']) expect(at(path).xattrs).toEqual(user);
      expect(at('plain').xattrs).toBeUndefined();
      expect(at('l').xattrs).toBeUndefined();

      const all = await walked(root, { xattrs: () => true });
      expect(all.at('d').xattrs).toEqual(new Map([...user, ['trusted.x', Buffer.from('y')]]));
      expect(all.at('l').xattrs).toEqual(new Map([['trusted.link', Buffer.from('its own')]]));
      const none = await walked(root, { xattrs: () => false });
      expect(none.entries.some(({ xattrs }) => xattrs !== undefined)).toBe(false);
    },
  );

  testInDirectory(['root', 'setfattr'], 'many and large', async (directory) => {
    const root = join('/dev/shm', directory.split('/').at(-1)!); // tmpfs has room for them; ext4 has one block
    mkdirSync(root);
    try {
      const path = join(root, 'f');
      writeFileSync(path, '');
      const names = Array.from({ length: 100 }, (_, index) => `user.${'n'.repeat(200)}${index}`);
      for (const name of names) writeXattr(path, name, Buffer.alloc(10, name));
      writeXattr(path, 'user.large', Buffer.alloc(60_000, 'large'));
      const { xattrs } = (await walked(root)).at('f');
      expect([...xattrs!.keys()].toSorted()).toEqual(['user.large', ...names].toSorted());
      expect(Buffer.from(xattrs!.get('user.large')!).equals(Buffer.alloc(60_000, 'large'))).toBe(true);
    } finally {
      runTool('rm', ['-r', root]);
    }
  });

  testInDirectory(['root', 'setfacl'], 'of devices and FIFOs are their own', async (root) => {
    const directory = openDirectory(root);
    directory.makeNode('char', 'char', 0o600, { major: 1, minor: 3 });
    directory.makeNode('fifo', 'fifo', 0o600);
    directory.close();
    runTool('setfacl', ['-m', 'u:1000:rw', join(root, 'char'), join(root, 'fifo')]);
    const { at } = await walked(root);
    for (const path of ['char', 'fifo']) {
      expect(formatAclText(at(path).acl!)).toBe(
        'user::rw-\nuser:1000:rw-\ngroup::---\nmask::rw-\nother::---\n',
      );
    }
  });
});

testInDirectory(
  ['root', 'setfacl', 'setfattr'],
  'ACLs and capabilities have fields of their own',
  async (root) => {
    mkdirSync(join(root, 'd'));
    writeFileSync(join(root, 'f'), '');
    runTool('setfacl', ['-m', 'u:1000:rwx,g:2000:x', join(root, 'f'), join(root, 'd')]);
    runTool('setfacl', ['-d', '-m', 'g:3000:rx', join(root, 'd')]);
    writeXattr(join(root, 'f'), CAPABILITIES, NET_RAW);
    const access = 'user::rw-\nuser:1000:rwx\ngroup::r--\ngroup:2000:--x\nmask::rwx\nother::r--\n';
    const { at } = await walked(root, { xattrs: () => true });
    expect(formatAclText(at('f').acl!)).toBe(access);
    expect(formatAclText(at('d').defaultAcl!)).toBe(
      'user::rwx\ngroup::r-x\ngroup:3000:r-x\nmask::r-x\nother::r-x\n',
    );
    expect(at('f')).toMatchObject({ mode: 0o674, fcaps: NET_RAW, xattrs: undefined, defaultAcl: undefined });

    const without = await walked(root, { xattrs: () => true, acls: false, fcaps: false });
    expect(without.at('f')).toMatchObject({ acl: undefined, fcaps: undefined, xattrs: undefined });
    expect(without.at('d')).toMatchObject({ acl: undefined, defaultAcl: undefined });
  },
);

describe('seen through an id map', () => {
  const idMap = IdMap.parse(['u:0:100000:65536', 'g:0:200000:65536']);

  testInDirectory(['root', 'setfacl', 'setfattr'], 'everything is as in the container', async (root) => {
    writeFileSync(join(root, 'f'), '');
    symlinkSync('f', join(root, 'l'));
    chownSync(root, 100_000, 200_000);
    chownSync(join(root, 'f'), 101_000, 265_535);
    const directory = openDirectory(root);
    directory.setOwner('l', 100_005, 200_006);
    directory.close();
    runTool('setfacl', ['-m', 'u:101000:rwx,g:202000:x', join(root, 'f')]);
    writeXattr(join(root, 'f'), CAPABILITIES, netRawFor(100_000));
    const { at, warnings } = await walked(root, { idMap });
    expect(warnings).toEqual([]);
    expect(at('')).toMatchObject({ uid: 0, gid: 0 });
    expect(at('f')).toMatchObject({ uid: 1000, gid: 65_535, fcaps: NET_RAW });
    expect(at('l')).toMatchObject({ uid: 5, gid: 6 });
    expect(formatAclText(at('f').acl!)).toBe(
      'user::rw-\nuser:1000:rwx\ngroup::r--\ngroup:2000:--x\nmask::rwx\nother::r--\n',
    );
  });

  testInDirectory(['root', 'setfattr'], 'what has no place in it is lost, and counted', async (root) => {
    for (const name of ['a', 'b']) {
      const path = join(root, name);
      writeFileSync(path, '');
      chownSync(path, 5, 5);
      const acl = encodeAcl([
        { tag: 'user-object', permissions: 6 },
        { tag: 'user', id: 5, permissions: 7 },
        { tag: 'user', id: 100_001, permissions: 7 },
        { tag: 'group-object', permissions: 4 },
        { tag: 'mask', permissions: 7 },
        { tag: 'other', permissions: 4 },
      ]);
      writeXattr(path, ACCESS_ACL, acl);
    }
    chownSync(root, 100_000, 200_000);
    const { at, warnings } = await walked(root, { idMap });
    expect(at('a')).toMatchObject({ uid: 65_534, gid: 65_534 });
    expect(formatAclText(at('b').acl!)).toBe('user::rw-\nuser:1:rwx\ngroup::r--\nmask::rwx\nother::r--\n');
    expect(warnings).toEqual([
      {
        code: 'TREE_ACL_UNMAPPED',
        message:
          '2 entries lost entries of an access control list, for users or groups without a place in the id map; first a',
        entry: 'a',
      },
      {
        code: 'TREE_ID_UNMAPPED',
        message:
          '2 entries belong to users or groups without a place in the id map: they become those of nobody (65534); first a',
        entry: 'a',
      },
    ]);
  });

  testInDirectory(['root', 'setfattr'], 'capabilities of another superuser are lost', async (root) => {
    writeFileSync(join(root, 'f'), '');
    chownSync(root, 100_000, 200_000);
    chownSync(join(root, 'f'), 100_000, 200_000);
    const foreign = netRawFor(5);
    writeXattr(join(root, 'f'), CAPABILITIES, foreign);
    const { at, warnings } = await walked(root, { idMap });
    expect(at('f').fcaps).toBeUndefined();
    expect(warnings).toMatchObject([{ code: 'TREE_CAPABILITIES_UNMAPPED', entry: 'f' }]);
    expect((await walked(root)).at('f').fcaps).toEqual(foreign);
  });

  testInDirectory(
    ['root', 'lxc-usernsexec', 'tar'],
    'the same as what a program sees in there',
    async (root) => {
      const names = { mapped: 101_000, low: 0, below: 99_999, last: 165_535, above: 165_536 };
      chownSync(root, 100_000, 200_000);
      for (const [name, uid] of Object.entries(names)) {
        writeFileSync(join(root, name), '', { mode: 0o644 });
        chownSync(join(root, name), uid, 200_007);
      }
      const container = ['-m', 'u:0:100000:65536', '-m', 'g:0:200000:65536', '--'];
      const packed = `tar -C '${root}' -cf - . | tar -tvf - --numeric-owner`;
      const listing = runTool('lxc-usernsexec', [...container, 'sh', '-c', packed]);
      const { at } = await walked(root, { idMap });
      for (const name of Object.keys(names)) {
        const owner = new RegExp(`^-\\S+ (\\d+)/(\\d+) .* \\./${name}$`, 'm').exec(listing)!;
        expect([at(name).uid, at(name).gid]).toEqual([Number(owner[1]), Number(owner[2])]);
      }
    },
  );
});

describe('file flags and quota projects', () => {
  const NO_DUMP = 0x40;

  /** What each of them is given is for the directory `d` and the file `f`. */
  function plantWith(root: string, give: (fd: number) => void): void {
    mkdirSync(join(root, 'd'));
    writeFileSync(join(root, 'f'), 'x');
    writeFileSync(join(root, 'plain'), 'x');
    symlinkSync('f', join(root, 'l'));
    for (const name of ['d', 'f']) {
      const fd = openSync(join(root, name), 'r');
      try {
        give(fd);
      } finally {
        closeSync(fd); // or the file system is busy
      }
    }
  }

  testOnFileSystem('flags are there when they are asked for', EXT4, async (root) => {
    plantWith(root, (fd) => setFlags(fd, getFlags(fd)! | NO_DUMP));
    const { at, warnings } = await walked(root, { flags: true });
    expect(warnings).toEqual([]);
    expect(at('d').flags! & NO_DUMP).toBe(NO_DUMP);
    expect(at('f').flags! & NO_DUMP).toBe(NO_DUMP);
    expect(at('plain').flags! & NO_DUMP).toBe(0);
    expect(at('l').flags).toBeUndefined();
    expect((await walked(root)).at('f').flags).toBeUndefined();
  });

  testOnFileSystem('projects, too', XFS, async (root) => {
    plantWith(root, (fd) => setQuotaProject(fd, 7));
    const { at, warnings } = await walked(root, { quotaProjects: true });
    expect(warnings).toEqual([]);
    expect([at('d').quotaProject, at('f').quotaProject]).toEqual([7, 7]);
    expect([at('plain').quotaProject, at('l').quotaProject]).toEqual([undefined, undefined]);
    expect((await walked(root)).at('f').quotaProject).toBeUndefined();
  });

  testOnFileSystem('are absent where there is no such thing', { type: 'ramfs' }, async (root) => {
    writeFileSync(join(root, 'f'), 'x');
    const { at, warnings } = await walked(root, { flags: true, quotaProjects: true });
    expect(at('f')).toMatchObject({ flags: undefined, quotaProject: undefined, xattrs: undefined });
    expect(warnings).toEqual([]);
  });
});
