import { execFileSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { testWith, useTemporaryDirectory } from '@vzdump-format/testing';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { fileStatus } from '../file/open-file.js';
import { describeOnLinux } from '../testing/conditions.js';
import type { OpenDirectory } from './directory.js';
import { openDirectory } from './native-directory.js';

const temporaryDirectory = useTemporaryDirectory();

function code(expected: string): Error {
  return expect.objectContaining({ code: expected });
}

describeOnLinux('a directory held open, natively', () => {
  let root: string;
  let directory: OpenDirectory;

  const at = (...names: string[]): string => join(root, ...names);
  const openDescriptors = () => readdirSync('/proc/self/fd').length;

  beforeEach(() => {
    root = temporaryDirectory();
    directory = openDirectory(root);
  });
  afterEach(() => directory.close());

  describe('makeNode', () => {
    testWith(['root'], 'block and char devices, to the last number', () => {
      const devices = [
        { major: 1, minor: 3 },
        { major: 0, minor: 0 },
        { major: 259, minor: 256 },
        { major: 4095, minor: 0xfffff },
        { major: 8, minor: 0x12345 },
      ];
      for (const [index, device] of devices.entries()) {
        directory.makeNode(`block${index}`, 'block', 0o640, device);
        directory.makeNode(`char${index}`, 'char', 0o604, device);
        expect(directory.status(`block${index}`)).toMatchObject({
          type: 'block',
          mode: 0o640,
          specialDevice: device,
        });
        expect(directory.status(`char${index}`)).toMatchObject({
          type: 'char',
          mode: 0o604,
          specialDevice: device,
        });
        const shown = execFileSync('stat', ['--format=%Hr:%Lr', at(`char${index}`)], { encoding: 'utf8' });
        expect(shown).toBe(`${device.major}:${device.minor}\n`);
      }
    });

    test('FIFOs and sockets', () => {
      directory.makeNode('fifo', 'fifo', 0o600);
      directory.makeNode('socket', 'socket', 0o600);
      expect(lstatSync(at('fifo')).isFIFO()).toBe(true);
      expect(lstatSync(at('socket')).isSocket()).toBe(true);
      expect(() => directory.makeNode('fifo', 'fifo', 0o600)).toThrow(code('EEXIST'));
    });

    test('no other device for a number that does not fit', () => {
      for (const number of [-1, 1.5, 2 ** 32, Number.NaN]) {
        expect(() => directory.makeNode('node', 'char', 0o600, { major: number, minor: 1 })).toThrow(
          code('EINVAL'),
        );
        expect(() => directory.makeNode('node', 'char', 0o600, { major: 1, minor: number })).toThrow(
          code('EINVAL'),
        );
      }
      expect(() => directory.makeNode('node', 'char', 0o600, { major: 4096, minor: 1 })).toThrow(
        code('EINVAL'),
      );
      expect(() => directory.makeNode('node', 'char', 0o600, { major: 1, minor: 1 << 20 })).toThrow(
        code('EINVAL'),
      );
      expect(directory.list()).toEqual([]);
    });

    test('the mode is no type', () => {
      directory.makeNode('fifo', 'fifo', 0o100644);
      expect(directory.status('fifo')).toMatchObject({ type: 'fifo', mode: 0o644 });
    });
  });

  describe('nothing leads out', () => {
    test('when the directory was moved, and a link stands in its place', () => {
      mkdirSync(at('elsewhere'));
      mkdirSync(at('sub'));
      const sub = directory.openDirectory('sub');
      renameSync(at('sub'), at('moved'));
      symlinkSync('elsewhere', at('sub'));
      closeSync(sub.createFile('file', 0o600));
      sub.makeDirectory('directory', 0o700);
      sub.setMode('file', 0o644);
      sub.setTimes('file', 0n, 0n);
      if (process.getuid?.() === 0) sub.setXattr('file', 'trusted.x', Buffer.of(1));
      sub.close();
      expect(readdirSync(at('elsewhere'))).toEqual([]);
      expect(readdirSync(at('moved')).sort()).toEqual(['directory', 'file']);
    });

    testWith(['root'], 'through a link that has the name', () => {
      writeFileSync(at('victim'), 'stays', { mode: 0o600 });
      const before = directory.status('victim');
      symlinkSync('victim', at('link'));
      directory.setOwner('link', 5, 5);
      directory.setTimes('link', 0n, 0n);
      directory.setXattr('link', 'trusted.x', Buffer.of(1));
      directory.removeXattr('link', 'trusted.x');
      expect(() => directory.setMode('link', 0o777)).toThrow(code('ENOTSUP'));
      expect(() => directory.openFile('link')).toThrow(code('ELOOP'));
      expect(() => directory.createFile('link', 0o600)).toThrow(code('EEXIST'));
      expect(directory.status('victim')).toEqual(before);
    });
  });

  test('times are exact to the nanosecond', () => {
    writeFileSync(at('file'), '');
    symlinkSync('file', at('link'));
    const nanosecond = fc.bigInt(-2_147_483_647_000_000_000n, 15_032_385_534_999_999_999n); // 34 bits of seconds in ext4
    fc.assert(
      fc.property(fc.constantFrom('file', 'link'), nanosecond, nanosecond, (name, accessed, modified) => {
        directory.setTimes(name, accessed, modified);
        const { atimeNs, mtimeNs } = lstatSync(at(name), { bigint: true });
        expect([atimeNs, mtimeNs]).toEqual([accessed, modified]);
        expect(directory.status(name).mtime).toBe(modified);
      }),
    );
  });

  testWith(['root'], 'reading does not change the access time', () => {
    writeFileSync(at('file'), 'content');
    directory.setTimes('file', 1_000_000_000n, 2_000_000_000n); // accessed before it was modified: relatime would tell
    const fd = directory.openFile('file');
    expect(readFileSync(fd, 'utf8')).toBe('content');
    closeSync(fd);
    expect(lstatSync(at('file'), { bigint: true }).atimeNs).toBe(1_000_000_000n);
  });

  testWith(['setpriv'], 'setpriv: what others own is read with its access time changed', () => {
    // A file that this user may read but does not own: O_NOATIME is refused to it.
    const script = `
      import { openDirectory } from ${JSON.stringify(new URL('../../dist/index.js', import.meta.url).href)};
      const etc = openDirectory('/etc');
      console.log(etc.list().length > 0, etc.openFile('passwd') > 0);`;
    const args = [
      '--reuid=65534',
      '--regid=65534',
      '--clear-groups',
      process.execPath,
      '--input-type=module',
      '--eval',
      script,
    ];
    expect(execFileSync('setpriv', args, { encoding: 'utf8' })).toBe('true true\n');
  });

  describe('descriptors', () => {
    test('are closed, whatever happened', () => {
      mkdirSync(at('sub'));
      symlinkSync('sub', at('link'));
      const before = openDescriptors();
      const sub = directory.openDirectory('sub');
      expect(openDescriptors()).toBe(before + 1);
      for (const call of [
        () => directory.setMode('link', 0o700),
        () => directory.openDirectory('link'),
        () => directory.openFile('link'),
      ])
        expect(call).toThrow();
      directory.setMode('sub', 0o700);
      sub.close();
      sub.close();
      expect(openDescriptors()).toBe(before);
    });

    test('are not passed on to programs', () => {
      writeFileSync(at('file'), '');
      const fds = [directory.fd!, directory.openFile('file'), directory.createFile('new', 0o600)];
      const passed = fds.map((fd) =>
        Number(/flags:\s*(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))![1]),
      );
      for (const flags of passed) expect(Number.parseInt(String(flags), 8) & 0o2000000).toBe(0o2000000);
      for (const fd of fds.slice(1)) closeSync(fd);
    });

    test('are those of node:fs', () => {
      writeFileSync(at('file'), 'content');
      const fd = directory.openFile('file');
      expect(fstatSync(fd).size).toBe(7);
      closeSync(fd);
      expect(() => fileStatus(fd)).toThrow(code('EBADF'));
    });

    test('a closed directory is an error, not another one', () => {
      const closed = openDirectory(root);
      closed.close();
      const other = openSync('/', 'r'); // takes the number that has become free
      try {
        expect(() => closed.list()).toThrow(expect.objectContaining({ code: 'EBADF', path: root }));
        expect(() => closed.status('proc')).toThrow(code('EBADF'));
      } finally {
        closeSync(other);
      }
      expect(existsSync(root)).toBe(true);
    });
  });
});
