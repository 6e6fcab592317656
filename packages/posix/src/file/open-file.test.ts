import { execFileSync, spawn } from 'node:child_process';
import { closeSync, constants, fstatSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { testWith, useTemporaryDirectory } from '@vzdump-format/testing';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { describeBoth, describeOnLinux } from '../testing/conditions.js';
import {
  closeFile,
  fileStatus,
  lockFile,
  readBytes,
  setMode,
  setOwner,
  setPipeSize,
  setTimes,
  unlockFile,
  writeBytes,
} from './open-file.js';

const CLOSED = 1_000_000;

const temporaryDirectory = useTemporaryDirectory();

describeBoth('an open file', (native) => {
  let fd: number;

  beforeEach(() => {
    fd = openSync(join(temporaryDirectory(), 'file'), 'w+');
  });
  afterEach(() => closeSync(fd));

  const stats = () => fstatSync(fd, { bigint: true });

  test('its status is what the system says', () => {
    writeFileSync(fd, 'some bytes');
    setMode(fd, 0o6750);
    const { mtimeNs, ctimeNs, ino, blocks, uid, gid } = stats();
    expect(fileStatus(fd)).toMatchObject({
      type: 'file',
      mode: 0o6750,
      uid: Number(uid),
      gid: Number(gid),
      size: 10,
      links: 1,
      inode: ino,
      specialDevice: { major: 0, minor: 0 },
      allocatedBytes: Number(blocks) * 512,
      mtime: mtimeNs,
      ctime: ctimeNs,
    });
  });

  test('devices', () => {
    const device = openSync('/dev/zero', 'r');
    expect(fileStatus(device)).toMatchObject({ type: 'char', specialDevice: { major: 1, minor: 5 } });
    closeSync(device);
  });

  testWith(['root'], 'its owner', () => {
    setOwner(fd, 0xffff_fffe, 100_000);
    expect(fstatSync(fd)).toMatchObject({ uid: 0xffff_fffe, gid: 100_000 });
    for (const id of [-1, 2 ** 32 - 1, 2 ** 32, 0.5, Number.NaN]) {
      expect(() => setOwner(fd, id, 5)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
      expect(() => setOwner(fd, 5, id)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
    }
    expect(fstatSync(fd)).toMatchObject({ uid: 0xffff_fffe, gid: 100_000 });
  });

  test('its mode', () => {
    for (const mode of [0, 0o7777, 0o4711]) {
      setMode(fd, mode);
      expect(fstatSync(fd).mode & 0o7777).toBe(mode);
    }
  });

  test('its times', () => {
    const time = fc
      .bigInt(-2_145_916_800_000_000n, 4_294_967_295_999_999n)
      .map((microseconds) => microseconds * 1000n + (native ? 789n : 0n));
    fc.assert(
      fc.property(time, time, (accessed, modified) => {
        setTimes(fd, accessed, modified);
        const { atimeNs, mtimeNs } = stats();
        expect([atimeNs, mtimeNs]).toEqual([accessed, modified]);
      }),
    );
  });

  test('one of its times, the other stays', () => {
    setTimes(fd, 1_000_000_000n, 2_000_000_000n);
    setTimes(fd, 'omit', 3_000_000_000n);
    expect(stats()).toMatchObject({ atimeNs: 1_000_000_000n, mtimeNs: 3_000_000_000n });
    setTimes(fd, 4_000_000_000n, 'omit');
    expect(stats()).toMatchObject({ atimeNs: 4_000_000_000n, mtimeNs: 3_000_000_000n });
    setTimes(fd, 'omit', 'now');
    expect(stats().atimeNs).toBe(4_000_000_000n);
    expect(stats().mtimeNs).toBeGreaterThan(1_600_000_000_000_000_000n);
  });

  test('a time that has no place in 64 bits is refused', () => {
    const far = 2n ** 63n * 1_000_000_000n;
    expect(() => setTimes(fd, far, 0n)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
    expect(() => setTimes(fd, 0n, far)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
  });

  test('a closed one', () => {
    for (const call of [
      () => fileStatus(CLOSED),
      () => setOwner(CLOSED, 0, 0),
      () => setMode(CLOSED, 0),
      () => setTimes(CLOSED, 0n, 0n),
    ])
      expect(call).toThrow(expect.objectContaining({ code: 'EBADF', errno: -9 }));
  });

  test('a directory too', () => {
    const directory = openSync(temporaryDirectory(), 'r');
    setMode(directory, 0o1711);
    setTimes(directory, 0n, 5_000_000_000n);
    expect(fileStatus(directory)).toMatchObject({ type: 'directory', mode: 0o1711, mtime: 5_000_000_000n });
    closeSync(directory);
  });
});

function code(expected: string): Error {
  return expect.objectContaining({ code: expected });
}

describeBoth('the content of an open file', () => {
  const path = () => join(temporaryDirectory(), 'file');

  test('is read from where the descriptor stands, until the end', () => {
    writeFileSync(path(), 'abcdefghij');
    const fd = openSync(path(), 'r');
    const buffer = Buffer.alloc(6, '.');
    expect([readBytes(fd, buffer), buffer.toString()]).toEqual([6, 'abcdef']);
    expect([readBytes(fd, buffer), buffer.toString()]).toEqual([4, 'ghijef']);
    expect(readBytes(fd, buffer)).toBe(0);
    closeSync(fd);
  });

  test('is read at a position, into part of a buffer', () => {
    writeFileSync(path(), 'abcdefghij');
    const fd = openSync(path(), 'r');
    const buffer = Buffer.alloc(6, '.');
    expect(readBytes(fd, buffer.subarray(2, 4), 7)).toBe(2);
    expect(buffer.toString()).toBe('..hi..');
    expect(readBytes(fd, buffer, 0)).toBe(6);
    expect(readBytes(fd, buffer, 2 ** 40)).toBe(0);
    closeSync(fd);
  });

  test('is written where the descriptor stands, and at a position', () => {
    const fd = openSync(path(), 'w+');
    writeBytes(fd, Buffer.from('abc'));
    writeBytes(fd, Buffer.from('_defgh_').subarray(1, 6));
    writeBytes(fd, Buffer.from('XY'), 0);
    writeBytes(fd, new Uint8Array(0));
    writeBytes(fd, Buffer.from('i'));
    closeSync(fd);
    expect(readFileSync(path(), 'utf8')).toBe('XYcdefghi');
  });

  test('past 4 GiB', () => {
    const fd = openSync(path(), 'w+');
    const far = 5 * 2 ** 32 + 1;
    writeBytes(fd, Buffer.from('far'), far);
    const buffer = Buffer.alloc(3);
    expect(readBytes(fd, buffer, far)).toBe(3);
    expect(buffer.toString()).toBe('far');
    closeSync(fd);
  });

  test('failures are errors as Node makes them', () => {
    writeFileSync(path(), 'abc');
    const fd = openSync(path(), 'r');
    expect(() => writeBytes(fd, Buffer.of(1))).toThrow(
      expect.objectContaining({ code: 'EBADF', errno: -9, syscall: 'write' }),
    );
    closeFile(fd);
    expect(() => readBytes(fd, Buffer.alloc(1))).toThrow(code('EBADF'));
    expect(() => closeFile(fd)).toThrow(code('EBADF'));
  });

  test('a full disk is one', () => {
    const fd = openSync('/dev/full', 'w');
    expect(() => writeBytes(fd, Buffer.of(1))).toThrow(code('ENOSPC'));
    closeFile(fd);
  });
});

const SHARED = { exclusive: false };
const EXCLUSIVE = { exclusive: true };

describeOnLinux('a lock on a file', () => {
  const path = () => join(temporaryDirectory(), 'file');
  let one: number;
  let other: number;

  beforeEach(() => {
    writeFileSync(path(), '');
    one = openSync(path(), 'r');
    other = openSync(path(), 'r');
  });
  afterEach(() => {
    closeSync(one);
    closeSync(other);
  });

  test('has one exclusive holder', () => {
    expect(lockFile(one, EXCLUSIVE)).toBe(true);
    expect(lockFile(other, EXCLUSIVE)).toBe(false);
    expect(lockFile(other, SHARED)).toBe(false);
    unlockFile(one);
    expect(lockFile(other, EXCLUSIVE)).toBe(true);
  });

  test('has many others', () => {
    expect(lockFile(one, SHARED)).toBe(true);
    expect(lockFile(other, SHARED)).toBe(true);
    expect(lockFile(one, EXCLUSIVE)).toBe(false);
    unlockFile(other);
    expect(lockFile(one, EXCLUSIVE)).toBe(true);
  });

  test('changes from one to the other', () => {
    expect(lockFile(one, EXCLUSIVE)).toBe(true);
    expect(lockFile(one, SHARED)).toBe(true);
    expect(lockFile(other, SHARED)).toBe(true);
  });

  test('ends with the descriptor', () => {
    const third = openSync(path(), 'r');
    expect(lockFile(third, EXCLUSIVE)).toBe(true);
    closeSync(third);
    expect(lockFile(one, EXCLUSIVE)).toBe(true);
  });

  testWith(['flock'], 'flock: each sees what the other holds', async () => {
    const holder = spawn('flock', [path(), '--command', 'echo held; read line'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    await new Promise((resolve) => holder.stdout.once('data', resolve));
    expect(lockFile(one, SHARED)).toBe(false);
    const ended = new Promise((resolve) => holder.once('close', resolve));
    holder.stdin.end('\n');
    await ended;
    expect(lockFile(one, EXCLUSIVE)).toBe(true);

    const refused = spawn('flock', ['--nonblock', '--conflict-exit-code=9', path(), '--command', 'true']);
    expect(await new Promise((resolve) => refused.once('close', resolve))).toBe(9);
  });

  test('a closed file', () => {
    expect(() => lockFile(1_000_000, EXCLUSIVE)).toThrow(
      expect.objectContaining({ code: 'EBADF', syscall: 'flock' }),
    );
    expect(() => unlockFile(1_000_000)).toThrow(expect.objectContaining({ code: 'EBADF', syscall: 'flock' }));
  });
});

const MIB = 1 << 20;

describeOnLinux('the size of a pipe', () => {
  test('becomes what was asked for', () => {
    const path = join(temporaryDirectory(), 'pipe');
    execFileSync('mkfifo', [path]);
    const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    try {
      expect(setPipeSize(fd, MIB)).toBe(MIB);
      expect(writeSync(fd, Buffer.alloc(2 * MIB))).toBe(MIB);
      expect(setPipeSize(fd, 4096), 'less than is in it').toBeUndefined();
    } finally {
      closeSync(fd);
    }
  });

  test('of what is no pipe', () => {
    const fd = openSync('/dev/null', 'r');
    expect(setPipeSize(fd, MIB)).toBeUndefined();
    closeSync(fd);
    expect(setPipeSize(1_000_000, MIB)).toBeUndefined();
  });
});
