import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { testWith, useTemporaryDirectory } from '@vzdump-format/testing';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { fileStatus } from '../file/open-file.js';
import { pathToBytes } from '../path-text.js';
import { describeBoth } from '../testing/conditions.js';
import type { OpenDirectory } from './directory.js';
import { openDirectory } from './native-directory.js';

const ODD_NAMES = [
  '...',
  '..x',
  ' ',
  '-rf',
  'two\nlines',
  '\u001b[31m',
  'é €',
  '\u{1f480}',
  'bad \udc80\udcff bytes',
  '\udced\udcb2\udc80',
  '\ufeffmark',
  'n'.repeat(255),
];

/** What cannot name an entry of a directory. */
const NO_NAMES = [
  '',
  '.',
  '..',
  '/',
  'a/b',
  '../up',
  'sub/',
  'file\0',
  '\0',
  'bad\udc80\0byte',
  '\udc80/\udc80',
];

const temporaryDirectory = useTemporaryDirectory();

function code(expected: string): Error {
  return expect.objectContaining({ code: expected });
}

describeBoth('a directory held open', (native) => {
  let root: string;
  let directory: OpenDirectory;

  const at = (...names: string[]): string => join(root, ...names);

  beforeEach(() => {
    root = temporaryDirectory();
    directory = openDirectory(root);
  });
  afterEach(() => directory.close());

  function withFd<Result>(fd: number, use: (fd: number) => Result): Result {
    try {
      return use(fd);
    } finally {
      closeSync(fd);
    }
  }

  describe('opening', () => {
    test('is of the implementation that was asked for', () => {
      expect(typeof directory.fd).toBe(native ? 'number' : 'undefined');
      expect(directory.path).toBe(root);
    });

    test('by path follows links; by name it does not', () => {
      mkdirSync(at('real'));
      symlinkSync('real', at('link'));
      const byPath = openDirectory(at('link'));
      byPath.makeDirectory('made', 0o755);
      byPath.close();
      expect(existsSync(at('real', 'made'))).toBe(true);
      expect(() => directory.openDirectory('link')).toThrow(code('ENOTDIR'));
    });

    test('what is no directory, or not there', () => {
      writeFileSync(at('file'), '');
      expect(() => openDirectory(at('file'))).toThrow(code('ENOTDIR'));
      expect(() => openDirectory(at('none'))).toThrow(code('ENOENT'));
      expect(() => openDirectory(`${root}\0/x`)).toThrow(code('EINVAL'));
      expect(() => directory.openDirectory('file')).toThrow(code('ENOTDIR'));
      expect(() => directory.openDirectory('none')).toThrow(code('ENOENT'));
    });

    test('one in another, whose path says where it is', () => {
      mkdirSync(at('a', 'b'), { recursive: true });
      writeFileSync(at('a', 'b', 'file'), 'deep');
      const outer = directory.openDirectory('a');
      const inner = outer.openDirectory('b');
      expect(inner.path).toBe(at('a', 'b'));
      expect(inner.list()).toEqual([{ name: 'file', type: 'file' }]);
      inner.close();
      outer.close();
    });

    test('the root, whose entries have one slash before them', () => {
      const top = openDirectory('/');
      const proc = top.openDirectory('proc');
      expect(proc.path).toBe('/proc');
      proc.close();
      top.close();
    });
  });

  describe('list', () => {
    test('tells names and types, and nothing of itself', async () => {
      writeFileSync(at('file'), '');
      mkdirSync(at('directory'));
      symlinkSync('nowhere', at('link'));
      execFileSync('mkfifo', [at('fifo')]);
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(at('socket'), resolve));
      try {
        expect(directory.list().sort((one, other) => (one.name < other.name ? -1 : 1))).toEqual([
          { name: 'directory', type: 'directory' },
          { name: 'fifo', type: 'fifo' },
          { name: 'file', type: 'file' },
          { name: 'link', type: 'symlink' },
          { name: 'socket', type: 'socket' },
        ]);
      } finally {
        await new Promise((resolve) => server.close(resolve));
      }
    });

    test('finds devices', () => {
      const devices = openDirectory('/dev');
      const found = devices.list();
      devices.close();
      expect(found).toContainEqual({ name: 'null', type: 'char' });
    });

    test('of an empty one', () => {
      expect(directory.list()).toEqual([]);
    });

    test('of more than a call gives, twice', () => {
      const names = Array.from({ length: 1200 }, (_, index) => `entry ${index} ${'x'.repeat(index % 100)}`);
      for (const name of names) writeFileSync(at(name), '');
      for (let time = 0; time < 2; time++) {
        const found = directory.list().map(({ name }) => name);
        expect(found).toHaveLength(1200);
        expect(new Set(found)).toEqual(new Set(names));
      }
    });
  });

  test('names of any bytes are made, listed, asked for and removed', () => {
    for (const name of ODD_NAMES) {
      closeSync(directory.createFile(name, 0o600));
      expect(directory.status(name).type).toBe('file');
    }
    const onDisk = readdirSync(root, { encoding: 'buffer' }).map((name) => name.toString('hex'));
    expect(onDisk.sort()).toEqual(ODD_NAMES.map((name) => pathToBytes(name).toString('hex')).sort());
    expect(
      directory
        .list()
        .map(({ name }) => name)
        .sort(),
    ).toEqual([...ODD_NAMES].sort());
    for (const name of ODD_NAMES) directory.remove(name);
    expect(directory.list()).toEqual([]);
  });

  test('every call takes odd names', () => {
    const name = 'odd \udcff';
    const other = 'other \udc80 é';
    directory.makeDirectory(name, 0o700);
    const inner = directory.openDirectory(name);
    inner.makeSymlink('to \udcfe €', other);
    expect(inner.readLink(other)).toBe('to \udcfe €');
    expect(
      readlinkSync(Buffer.concat([pathToBytes(inner.path), pathToBytes(`/${other}`)]), 'buffer'),
    ).toEqual(pathToBytes('to \udcfe €'));
    inner.setTimes(other, 1n, 2_000_000n);
    expect(inner.status(other).mtime).toBe(2_000_000n);
    inner.rename(other, directory, other);
    directory.remove(other);
    closeSync(inner.createFile(other, 0o600));
    inner.makeLink(name, inner, other);
    inner.setMode(other, 0o640);
    expect(inner.status(name)).toMatchObject({ mode: 0o640, links: 2 });
    withFd(inner.openFile(name), (fd) => expect(readSync(fd, Buffer.alloc(1))).toBe(0));
    inner.remove(name);
    inner.remove(other);
    inner.close();
    directory.removeDirectory(name);
    expect(directory.list()).toEqual([]);
  });

  describe('what is no single name is refused, and nothing happens', () => {
    test.each(NO_NAMES)('%j', (name) => {
      mkdirSync(at('sub'));
      writeFileSync(at('file'), 'here');
      symlinkSync('file', at('link'));
      const before = readdirSync(root).map((entry) => [entry, lstatSync(at(entry)).mtimeMs]);
      const sub = directory.openDirectory('sub');
      const calls: (() => unknown)[] = [
        () => directory.status(name),
        () => directory.openDirectory(name),
        () => directory.openFile(name),
        () => directory.createFile(name, 0o600),
        () => directory.makeDirectory(name, 0o700),
        () => directory.makeSymlink('target', name),
        () => directory.makeLink(name, directory, 'file'),
        () => directory.makeLink('made', directory, name),
        () => directory.readLink(name),
        () => directory.remove(name),
        () => directory.removeDirectory(name),
        () => directory.rename(name, sub, 'made'),
        () => directory.rename('file', sub, name),
        () => directory.setOwner(name, 1, 1),
        () => directory.setMode(name, 0o777),
        () => directory.setTimes(name, 0n, 0n),
        ...(native
          ? [
              () => directory.makeNode(name, 'fifo', 0o600),
              () => directory.listXattrs(name),
              () => directory.getXattr(name, 'user.x'),
              () => directory.setXattr(name, 'user.x', Buffer.of(1)),
              () => directory.removeXattr(name, 'user.x'),
            ]
          : []),
      ];
      for (const call of calls) expect(call, String(call)).toThrow(code('EINVAL'));
      sub.close();
      expect(readdirSync(root).map((entry) => [entry, lstatSync(at(entry)).mtimeMs])).toEqual(before);
      expect(readdirSync(at('sub'))).toEqual([]);
    });

    test('a link target with a NUL', () => {
      expect(() => directory.makeSymlink('a\0b', 'link')).toThrow(code('EINVAL'));
      expect(directory.list()).toEqual([]);
    });
  });

  describe('status', () => {
    function expectStatusOf(name: string): void {
      const stats = lstatSync(at(name), { bigint: true });
      expect(directory.status(name)).toMatchObject({
        mode: Number(stats.mode & 0o7777n),
        uid: Number(stats.uid),
        gid: Number(stats.gid),
        size: Number(stats.size),
        links: Number(stats.nlink),
        inode: stats.ino,
        allocatedBytes: Number(stats.blocks) * 512,
        mtime: stats.mtimeNs,
        ctime: stats.ctimeNs,
        specialDevice: { major: 0, minor: 0 },
      });
    }

    test('is what the system says', () => {
      writeFileSync(at('file'), 'some bytes');
      chmodSync(at('file'), 0o6751);
      linkSync(at('file'), at('other name'));
      mkdirSync(at('directory'), { mode: 0o1777 });
      symlinkSync('file', at('link'));
      for (const name of ['file', 'directory', 'link']) expectStatusOf(name);
      expect(directory.status('file').type).toBe('file');
      expect(directory.status('directory').type).toBe('directory');
      expect(directory.status('link')).toMatchObject({ type: 'symlink', size: 4 });
    });

    test('of a file past 4 GiB with next to no space taken', () => {
      writeFileSync(at('sparse'), '');
      truncateSync(at('sparse'), 5 * 2 ** 40 + 3);
      writeFileSync(at('sparse'), 'data', { flag: 'r+' });
      const { size, allocatedBytes } = directory.status('sparse');
      expect(size).toBe(5 * 2 ** 40 + 3);
      expect(allocatedBytes).toBeLessThan(1 << 20);
      expectStatusOf('sparse');
    });

    test.runIf(process.platform === 'linux')('a size past 2^53 is refused, not rounded', () => {
      const memory = openDirectory('/dev/shm'); // tmpfs, whose files can be that long
      const name = `posix-${process.pid}`;
      const fd = memory.createFile(name, 0o600);
      try {
        execFileSync('truncate', ['--size', '9007199254740993', `/dev/shm/${name}`]);
        const refusal = code('EOVERFLOW');
        expect(() => memory.status(name)).toThrow(refusal);
        expect(() => fileStatus(fd)).toThrow(refusal);
      } finally {
        closeSync(fd);
        memory.remove(name);
        memory.close();
      }
    });

    test('tells what is one file, and what is on another file system', () => {
      writeFileSync(at('file'), '');
      linkSync(at('file'), at('same'));
      writeFileSync(at('different'), '');
      const identity = (name: string) => {
        const { deviceId, inode } = directory.status(name);
        return `${deviceId}:${inode}`;
      };
      expect(identity('file')).toBe(identity('same'));
      expect(identity('file')).not.toBe(identity('different'));
      const top = openDirectory('/');
      expect(top.status('proc').deviceId).not.toBe(directory.status('file').deviceId);
      top.close();
    });

    test('of devices', () => {
      const devices = openDirectory('/dev');
      expect(devices.status('null')).toMatchObject({ type: 'char', specialDevice: { major: 1, minor: 3 } });
      devices.close();
    });

    test('of what is not there is an error that says where', () => {
      expect(() => directory.status('none')).toThrow(
        expect.objectContaining({
          code: 'ENOENT',
          errno: -2,
          syscall: native ? 'statx' : 'lstat',
          path: at('none'),
          message: `ENOENT: no such file or directory, ${native ? 'statx' : 'lstat'} '${at('none')}'`,
        }),
      );
    });
  });

  describe('openFile', () => {
    test('reads', () => {
      writeFileSync(at('file'), 'content');
      withFd(directory.openFile('file'), (fd) => expect(readFileSync(fd, 'utf8')).toBe('content'));
    });

    test('does not write', () => {
      writeFileSync(at('file'), 'content');
      withFd(directory.openFile('file'), (fd) => expect(() => writeSync(fd, 'x')).toThrow(code('EBADF')));
    });

    test('does not follow links', () => {
      writeFileSync(at('file'), 'content');
      symlinkSync('file', at('link'));
      symlinkSync('nowhere', at('dangling'));
      expect(() => directory.openFile('link')).toThrow(code('ELOOP'));
      expect(() => directory.openFile('dangling')).toThrow(code('ELOOP'));
    });

    test('does not wait for the other end of a FIFO', () => {
      execFileSync('mkfifo', [at('fifo')]);
      withFd(directory.openFile('fifo'), (fd) => expect(readSync(fd, Buffer.alloc(1))).toBe(0));
    });
  });

  describe('createFile', () => {
    test('makes a file to write and read', () => {
      withFd(directory.createFile('file', 0o640), (fd) => {
        writeSync(fd, 'content');
        const content = Buffer.alloc(7);
        readSync(fd, content, 0, 7, 0);
        expect(content.toString()).toBe('content');
      });
      expect(lstatSync(at('file')).mode & 0o7777).toBe(0o640);
    });

    test('replaces nothing and follows nothing', () => {
      writeFileSync(at('file'), 'old');
      symlinkSync('elsewhere', at('dangling'));
      mkdirSync(at('directory'));
      for (const name of ['file', 'dangling', 'directory']) {
        expect(() => directory.createFile(name, 0o600)).toThrow(code('EEXIST'));
      }
      expect(existsSync(at('elsewhere'))).toBe(false);
      expect(readFileSync(at('file'), 'utf8')).toBe('old');
    });
  });

  test('makeDirectory', () => {
    directory.makeDirectory('made', 0o750);
    expect(lstatSync(at('made')).isDirectory()).toBe(true);
    expect(lstatSync(at('made')).mode & 0o7777).toBe(0o750);
    expect(() => directory.makeDirectory('made', 0o750)).toThrow(code('EEXIST'));
  });

  test('makeSymlink and readLink, whatever the target is', () => {
    const targets = ['file', '/', '../..', 'no such \udc80', 'x'.repeat(4000), ' '];
    for (const [index, target] of targets.entries()) {
      directory.makeSymlink(target, `link${index}`);
      expect(directory.readLink(`link${index}`)).toBe(target);
    }
    expect(() => directory.makeSymlink('again', 'link0')).toThrow(code('EEXIST'));
    expect(() => directory.makeSymlink('', 'empty')).toThrow(code('ENOENT'));
    writeFileSync(at('file'), '');
    expect(() => directory.readLink('file')).toThrow(code('EINVAL'));
  });

  describe('makeLink', () => {
    test('gives a file another name, in another directory', () => {
      mkdirSync(at('sub'));
      writeFileSync(at('file'), '');
      const sub = directory.openDirectory('sub');
      sub.makeLink('other', directory, 'file');
      expect(sub.status('other').inode).toBe(directory.status('file').inode);
      expect(() => sub.makeLink('other', directory, 'file')).toThrow(code('EEXIST'));
      expect(() => sub.makeLink('more', directory, 'none')).toThrow(code('ENOENT'));
      sub.close();
    });

    test('never to what a symlink points to', () => {
      writeFileSync(at('file'), '');
      symlinkSync('file', at('link'));
      if (native) {
        directory.makeLink('other', directory, 'link');
        expect(directory.status('other')).toMatchObject({ type: 'symlink', links: 2 });
      } else {
        expect(() => directory.makeLink('other', directory, 'link')).toThrow(code('ENOSYS'));
      }
      expect(lstatSync(at('file')).nlink).toBe(1);
    });
  });

  test('remove and removeDirectory', () => {
    writeFileSync(at('file'), '');
    symlinkSync('file', at('link'));
    mkdirSync(at('directory'));
    writeFileSync(at('directory', 'inside'), '');
    symlinkSync('directory', at('link to directory'));
    directory.remove('link');
    expect(existsSync(at('file'))).toBe(true);
    directory.remove('file');
    expect(() => directory.remove('file')).toThrow(code('ENOENT'));
    expect(() => directory.remove('directory')).toThrow(
      expect.objectContaining({ syscall: expect.stringMatching('unlink') }),
    );
    expect(() => directory.removeDirectory('link to directory')).toThrow(code('ENOTDIR'));
    expect(() => directory.removeDirectory('directory')).toThrow(code('ENOTEMPTY'));
    directory.remove('link to directory');
    const inner = directory.openDirectory('directory');
    inner.remove('inside');
    inner.close();
    directory.removeDirectory('directory');
    expect(readdirSync(root)).toEqual([]);
  });

  test('rename moves into another directory, and replaces a link itself', () => {
    mkdirSync(at('sub'));
    writeFileSync(at('file'), 'moved');
    writeFileSync(at('victim'), 'stays');
    symlinkSync('../victim', at('sub', 'link'));
    const sub = directory.openDirectory('sub');
    directory.rename('file', sub, 'link');
    sub.close();
    expect(readdirSync(root).sort()).toEqual(['sub', 'victim']);
    expect(lstatSync(at('sub', 'link')).isFile()).toBe(true);
    expect(readFileSync(at('victim'), 'utf8')).toBe('stays');
    expect(() => directory.rename('none', directory, 'x')).toThrow(code('ENOENT'));
  });

  describe('setOwner', () => {
    testWith(['root'], 'of a file and of a link itself', () => {
      writeFileSync(at('file'), '');
      symlinkSync('file', at('link'));
      directory.setOwner('file', 0xffff_fffe, 100_000);
      directory.setOwner('link', 7, 8);
      expect(lstatSync(at('file'))).toMatchObject({ uid: 0xffff_fffe, gid: 100_000 });
      expect(lstatSync(at('link'))).toMatchObject({ uid: 7, gid: 8 });
    });

    testWith(['root'], 'is no other for an id that does not fit', () => {
      writeFileSync(at('file'), '');
      chownSync(at('file'), 1, 2);
      for (const id of [-1, 2 ** 32 - 1, 2 ** 32, 2 ** 53, 1.5, Number.NaN]) {
        expect(() => directory.setOwner('file', id, 5), `${id}`).toThrow(code('EINVAL'));
        expect(() => directory.setOwner('file', 5, id), `${id}`).toThrow(code('EINVAL'));
      }
      expect(lstatSync(at('file'))).toMatchObject({ uid: 1, gid: 2 });
    });
  });

  test('setMode, but not through a link', () => {
    writeFileSync(at('file'), '', { mode: 0o600 });
    mkdirSync(at('directory'));
    execFileSync('mkfifo', [at('fifo')]);
    symlinkSync('file', at('link'));
    for (const name of ['file', 'directory', 'fifo']) {
      directory.setMode(name, 0o1741);
      expect(lstatSync(at(name)).mode & 0o7777).toBe(0o1741);
    }
    expect(() => directory.setMode('link', 0o777)).toThrow(code('ENOTSUP'));
    expect(() => directory.setMode('none', 0o777)).toThrow(code('ENOENT'));
    expect(lstatSync(at('file')).mode & 0o7777).toBe(0o1741);
  });

  describe('setTimes', () => {
    const times = () => {
      const { atimeNs, mtimeNs } = lstatSync(at('file'), { bigint: true });
      return { atimeNs, mtimeNs };
    };

    beforeEach(() => {
      writeFileSync(at('file'), '');
      utimesSync(at('file'), 1000, 2000);
    });

    test.each([
      ['the epoch', 0n],
      ['now', 1_753_123_456_123_456_000n],
      ['before 1970', -1_500_000_000n],
      ['just before 1970', -1000n],
      ['1902', -2_145_916_800_000_000_000n],
      ['past 2038', 2_147_483_648_000_001_000n],
      ['past 2106', 4_294_967_296_500_000_000n],
    ])('%s', (_, time) => {
      directory.setTimes('file', 3_000_000_000n, time);
      expect(times()).toEqual({ atimeNs: 3_000_000_000n, mtimeNs: time });
    });

    test('any microsecond of two centuries', () => {
      const time = fc.bigInt(-2_145_916_800_000_000n, 4_294_967_295_999_999n).map((us) => us * 1000n);
      fc.assert(
        fc.property(time, time, (accessed, modified) => {
          directory.setTimes('file', accessed, modified);
          expect(times()).toEqual({ atimeNs: accessed, mtimeNs: modified });
        }),
      );
    });

    test('no other for one that has no place in 64 bits', () => {
      const before = times();
      for (const time of [2n ** 63n * 1_000_000_000n, -(2n ** 64n) * 1_000_000_000n]) {
        expect(() => directory.setTimes('file', 'omit', time)).toThrow(code('EINVAL'));
        expect(() => directory.setTimes('file', time, 'omit')).toThrow(code('EINVAL'));
      }
      expect(times()).toEqual(before);
    });

    test('of a link itself', () => {
      symlinkSync('file', at('link'));
      directory.setTimes('link', 5_000_000_000n, 6_000_000_000n);
      expect(lstatSync(at('link'), { bigint: true })).toMatchObject({ mtimeNs: 6_000_000_000n });
      expect(statSync(at('link'), { bigint: true }).mtimeNs).toBe(2_000_000_000_000n);
    });

    test('leaves what is to be left', () => {
      directory.setTimes('file', 'omit', 7_000_000_000n);
      expect(times()).toEqual({ atimeNs: 1_000_000_000_000n, mtimeNs: 7_000_000_000n });
      directory.setTimes('file', 8_000_000_000n, 'omit');
      expect(times()).toEqual({ atimeNs: 8_000_000_000n, mtimeNs: 7_000_000_000n });
    });

    test('takes the time that it is', () => {
      directory.setTimes('file', 'now', 'now');
      writeFileSync(at('reference'), '');
      const reference = lstatSync(at('reference'), { bigint: true }).mtimeNs;
      const { atimeNs, mtimeNs } = times();
      for (const time of [atimeNs, mtimeNs]) {
        expect(time).toBeGreaterThan(1_600_000_000_000_000_000n);
        expect(time).toBeLessThanOrEqual(reference + 1_000_000_000n); // clocks of files are coarse
      }
    });
  });
});
