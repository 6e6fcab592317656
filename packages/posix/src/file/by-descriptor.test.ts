import { closeSync, fstatSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { testWith, useTemporaryDirectory } from '@vzdump-format/testing';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { describeBoth } from '../testing/conditions.js';
import { fileStatus, setMode, setOwner, setTimes } from './by-descriptor.js';

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
