import { execFileSync } from 'node:child_process';
import { closeSync, openSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { scratch, testWith, useTemporaryDirectory } from '@vzdump-format/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { OpenDirectory } from '../directory/directory.js';
import { openDirectory } from '../directory/native-directory.js';
import { describeOnLinux } from '../testing/conditions.js';
import { getXattr, listXattrs, removeXattr, setXattr } from './file-attributes.js';

/**
 * cap_net_raw+ep as the kernel stores it: revision 2 with the effective bit, permitted, inheritable
 * (vfs_cap_data).
 */
const NET_RAW = Buffer.from('0100000200200000000000000000000000000000', 'hex');

/** `user::rw-,user:1000:r--,group::r--,mask::r--,other::---` as the kernel stores it. */
const ACL = Buffer.from(
  '02000000' +
    '01000600ffffffff' +
    '02000400e8030000' +
    '04000400ffffffff' +
    '10000400ffffffff' +
    '20000000ffffffff',
  'hex',
);

const EVERY_BYTE = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));

const temporaryDirectory = useTemporaryDirectory();

describeOnLinux('extended attributes', () => {
  let directory: OpenDirectory;
  let fd: number;

  const path = (name = 'file'): string => join(temporaryDirectory(), name);

  beforeEach(() => {
    writeFileSync(path(), '');
    directory = openDirectory(temporaryDirectory());
    fd = directory.openFile('file');
  });
  afterEach(() => {
    closeSync(fd);
    directory.close();
  });

  /** The same calls by descriptor and by name. */
  const ways = [
    [
      'by descriptor',
      {
        list: () => listXattrs(fd),
        get: (name: string) => getXattr(fd, name),
        set: (name: string, value: Uint8Array) => setXattr(fd, name, value),
        remove: (name: string) => removeXattr(fd, name),
      },
    ],
    [
      'by name',
      {
        list: () => directory.listXattrs('file'),
        get: (name: string) => directory.getXattr('file', name),
        set: (name: string, value: Uint8Array) => directory.setXattr('file', name, value),
        remove: (name: string) => directory.removeXattr('file', name),
      },
    ],
  ] as const;

  describe.each(ways)('%s', (_, { list, get, set, remove }) => {
    test('any bytes, and none', () => {
      set('user.bytes', EVERY_BYTE);
      set('user.empty', new Uint8Array(0));
      expect(get('user.bytes')).toEqual(EVERY_BYTE);
      expect(get('user.empty')).toEqual(Buffer.alloc(0));
      expect(list().sort()).toEqual(['user.bytes', 'user.empty']);
    });

    test('part of a larger buffer', () => {
      set('user.part', EVERY_BYTE.subarray(100, 110));
      expect(get('user.part')).toEqual(EVERY_BYTE.subarray(100, 110));
    });

    test('what was got stays when the next is', () => {
      set('user.one', Buffer.from('first'));
      set('user.two', Buffer.from('other'));
      const one = get('user.one');
      get('user.two');
      expect(one?.toString()).toBe('first');
    });

    test('none', () => {
      expect(list()).toEqual([]);
      expect(get('user.none')).toBeUndefined();
      expect(() => remove('user.none')).toThrow(expect.objectContaining({ code: 'ENODATA' }));
    });

    test('is replaced, and removed', () => {
      set('user.x', Buffer.from('a longer value'));
      set('user.x', Buffer.from('short'));
      expect(get('user.x')?.toString()).toBe('short');
      remove('user.x');
      expect(list()).toEqual([]);
    });

    test('names of any bytes', () => {
      const names = ['user.é €', 'user.bad \udc80\udcff', 'user.two\nlines'];
      for (const name of names) set(name, Buffer.from(name.slice(0, 6)));
      expect(list().sort()).toEqual([...names].sort());
      for (const name of names) expect(get(name)?.toString()).toBe(name.slice(0, 6));
      for (const name of names) remove(name);
      expect(list()).toEqual([]);
    });

    test('a NUL in a name is refused, not where it ends', () => {
      const refusal = expect.objectContaining({ code: 'EINVAL' });
      expect(() => set('user.x\0y', Buffer.of(1))).toThrow(refusal);
      expect(() => get('user.x\0y')).toThrow(refusal);
      expect(() => remove('user.x\0y')).toThrow(refusal);
      expect(list()).toEqual([]);
    });

    test('a namespace that the file system does not have', () => {
      expect(get('none.such')).toBeUndefined();
      expect(() => set('none.such', Buffer.of(1))).toThrow(expect.objectContaining({ code: 'ENOTSUP' }));
    });

    test('more names than fit in what is asked for first', () => {
      const names = Array.from(
        { length: 15 },
        (_, index) => `user.${String(index).padStart(2, '0')}${'n'.repeat(190)}`,
      );
      for (const name of names) set(name, Buffer.of(1));
      expect(list().sort()).toEqual(names);
    });

    test('a value longer than what is asked for first', () => {
      const value = Buffer.alloc(3000, EVERY_BYTE);
      set('user.long', value);
      expect(get('user.long')).toEqual(value);
    });

    testWith(['root'], 'capabilities', () => {
      set('security.capability', NET_RAW);
      expect(get('security.capability')).toEqual(NET_RAW);
      expect(list()).toEqual(['security.capability']);
    });

    test('ACLs', () => {
      set('system.posix_acl_access', ACL);
      expect(get('system.posix_acl_access')).toEqual(ACL);
      expect(directory.status('file').mode & 0o070).toBe(0o040);
    });
  });

  testWith(['root'], 'the longest value there is', async () => {
    const file = openSync(join(await scratch('/dev/shm'), 'file'), 'w');
    try {
      const value = Buffer.alloc(65536, EVERY_BYTE);
      setXattr(file, 'trusted.longest', value);
      expect(getXattr(file, 'trusted.longest')).toEqual(value);
      expect(() => setXattr(file, 'trusted.more', Buffer.alloc(65537))).toThrow(
        expect.objectContaining({ code: 'E2BIG' }),
      );
    } finally {
      closeSync(file);
    }
  });

  testWith(['root'], 'of a link itself', () => {
    symlinkSync('file', path('link'));
    directory.setXattr('link', 'trusted.link', EVERY_BYTE);
    expect(directory.listXattrs('link')).toEqual(['trusted.link']);
    expect(directory.getXattr('link', 'trusted.link')).toEqual(EVERY_BYTE);
    expect(listXattrs(fd)).toEqual([]);
    directory.removeXattr('link', 'trusted.link');
    expect(directory.listXattrs('link')).toEqual([]);
  });

  testWith(['root'], 'of what cannot be opened', () => {
    directory.makeNode('odd \udc80', 'char', 0o600, { major: 240, minor: 1 });
    directory.setXattr('odd \udc80', 'trusted.x', EVERY_BYTE);
    expect(directory.listXattrs('odd \udc80')).toEqual(['trusted.x']);
  });

  test('of a file system without', () => {
    const proc = openDirectory('/proc');
    expect(proc.listXattrs('version')).toEqual([]);
    expect(proc.getXattr('version', 'user.x')).toBeUndefined();
    proc.close();
  });

  test('of what is not there', () => {
    const failure = (syscall: string) =>
      expect.objectContaining({ code: 'ENOENT', syscall, path: path('none') });
    expect(() => directory.listXattrs('none')).toThrow(failure('llistxattr'));
    expect(() => directory.getXattr('none', 'user.x')).toThrow(failure('lgetxattr'));
    expect(() => directory.setXattr('none', 'user.x', EVERY_BYTE)).toThrow(failure('lsetxattr'));
    expect(() => directory.removeXattr('none', 'user.x')).toThrow(failure('lremovexattr'));
    const closed = 1_000_000;
    expect(() => listXattrs(closed)).toThrow(
      expect.objectContaining({ code: 'EBADF', syscall: 'flistxattr' }),
    );
    expect(() => getXattr(closed, 'user.x')).toThrow(
      expect.objectContaining({ code: 'EBADF', syscall: 'fgetxattr' }),
    );
  });

  testWith(['getfattr'], 'getfattr: sees what was set', () => {
    setXattr(fd, 'user.bytes', Buffer.from([0, 255, 10]));
    const shown = execFileSync('getfattr', ['--encoding=hex', '--only-values', '--name=user.bytes', path()]);
    expect(shown).toEqual(Buffer.from([0, 255, 10]));
  });

  testWith(['setfattr'], 'setfattr: what it set is seen', () => {
    execFileSync('setfattr', ['--name=user.x', '--value=0x00ff0a', path()]);
    expect(getXattr(fd, 'user.x')).toEqual(Buffer.from([0, 255, 10]));
  });

  testWith(['getcap'], 'getcap: sees the capabilities', () => {
    setXattr(fd, 'security.capability', NET_RAW);
    expect(execFileSync('getcap', [path()], { encoding: 'utf8' })).toContain('cap_net_raw=ep');
  });

  testWith(['getfacl'], 'getfacl: sees the ACL', () => {
    setXattr(fd, 'system.posix_acl_access', ACL);
    expect(
      execFileSync('getfacl', ['--numeric', '--omit-header', '--absolute-names', path()], {
        encoding: 'utf8',
      }),
    ).toContain('user:1000:r--');
  });
});
