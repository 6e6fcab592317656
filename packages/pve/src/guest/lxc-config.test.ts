import { describe, expect, test } from 'vitest';
import { parseGuestConfig } from './guest-config.js';
import { formatIdRange, idMap, isUnprivileged, mountPoints, selectMountPoints } from './lxc-config.js';

function config(...lines: string[]) {
  return parseGuestConfig(lines.map((line) => `${line}\n`).join(''), 'lxc');
}

describe('selectMountPoints', () => {
  test('takes rootfs and the volumes that ask for it, by number', () => {
    const { included, excluded, messages } = selectMountPoints(
      config(
        'mp10: local-lvm:vm-101-disk-3,mp=/ten,backup=1,size=1G',
        'mp2: /srv/x,mp=/bind,backup=1',
        'mp1: local-lvm:vm-101-disk-2,mp=/data',
        'mp0: local-lvm:vm-101-disk-1,backup=yes,mp=/on',
        'mp3: /dev/sdb1,mp=/device',
        'mp4: local-lvm:vm-101-disk-4,mp=/off,backup=0',
        'rootfs: local-lvm:vm-101-disk-0,size=8G,backup=0',
        'mp255: local-lvm:vm-101-disk-5,mp=/last',
        'mp256: local-lvm:vm-101-disk-6,mp=/beyond,backup=1',
        '[snap]',
        'mp5: local-lvm:vm-101-disk-7,mp=/snap,backup=1',
      ),
    );
    expect(included.map(({ key, path, size }) => [key, path, size])).toEqual([
      ['rootfs', '/', '8G'],
      ['mp0', '/on', undefined],
      ['mp10', '/ten', '1G'],
    ]);
    expect(excluded.map(({ key, type }) => [key, type])).toEqual([
      ['mp1', 'volume'],
      ['mp2', 'bind'],
      ['mp3', 'device'],
      ['mp4', 'volume'],
      ['mp255', 'volume'],
    ]);
    expect(messages).toEqual([
      "including mount point rootfs ('/') in backup",
      "including mount point mp0 ('/on') in backup",
      "excluding volume mount point mp1 ('/data') from backup (disabled)",
      "excluding bind mount point mp2 ('/bind') from backup (not a volume)",
      "excluding device mount point mp3 ('/device') from backup (not a volume)",
      "excluding volume mount point mp4 ('/off') from backup (disabled)",
      "including mount point mp10 ('/ten') in backup",
      "excluding volume mount point mp255 ('/last') from backup (disabled)",
    ]);
  });

  test('takes a rootfs that is a directory of the host', () => {
    expect(selectMountPoints(config('rootfs: /srv/ct')).included).toMatchObject([
      { type: 'bind', volume: '/srv/ct' },
    ]);
  });

  test('passes over what names no volume or no path', () => {
    expect(selectMountPoints(config('mp0: mp=/x,backup=1', 'mp1: local:1/a.raw,backup=1'))).toEqual({
      included: [],
      excluded: [],
      messages: [],
    });
  });

  test('fails where it cannot tell whether a backup is wanted', () => {
    expect(() => selectMountPoints(config('mp0: local:1/a.raw,mp=/x,backup=perhaps'))).toThrow(
      expect.objectContaining({
        code: 'CONFIG_VALUE',
        message: "mp0 cannot be read: backup is 1 or 0, not 'perhaps'",
      }),
    );
  });
});

describe('the path', () => {
  test.each([
    ['/a/b', '/a/b'],
    ['/a/b/', '/a/b'],
    ['a', '/a'],
    ['//a/./b//', '/a/b'],
    ['/a/...', '/a/...'],
  ])('%j is %j', (text, path) => {
    expect(mountPoints(config(`mp0: local:1/a.raw,mp=${text}`))[0]?.path).toBe(path);
  });

  test.each(['/..', '/a/../../b', '../x', '/', '.', `/${'x'.repeat(256)}`, '/a\0b'])(
    '%j is refused',
    (text) => {
      expect(() => mountPoints(config(`mp0: local:1/a.raw,mp=${text}`))).toThrow(
        expect.objectContaining({ code: 'CONFIG_VALUE', entry: 'mp0' }),
      );
    },
  );
});

describe('the ids of a container', () => {
  function ranges(text: string): readonly string[] {
    return idMap(parseGuestConfig(text, 'lxc')).map(formatIdRange);
  }

  test('an unprivileged container has 65536 ids from 100000', () => {
    expect(ranges('unprivileged: 1\n')).toEqual(['u:0:100000:65536', 'g:0:100000:65536']);
  });

  test('a privileged one has those of the host', () => {
    expect(ranges('unprivileged: 0\n')).toEqual([]);
    expect(ranges('hostname: x\n')).toEqual([]);
  });

  test('its own lines count, in their order, whatever it is', () => {
    const lines = 'lxc.idmap: u 0 100000 1000\nlxc.idmap = g\t0 100000  65536\nlxc.idmap: u 1000 1000 1\n';
    const expected = ['u:0:100000:1000', 'g:0:100000:65536', 'u:1000:1000:1'];
    expect(ranges(lines)).toEqual(expected);
    expect(ranges(`unprivileged: 1\n${lines}`)).toEqual(expected);
    expect(ranges(`[snap]\n${lines}`)).toEqual([]);
  });

  test('numbers', () => {
    expect(idMap(parseGuestConfig('lxc.idmap: g 0 0 4294967296\n', 'lxc'))).toEqual([
      { kind: 'g', container: 0, host: 0, count: 4294967296 },
    ]);
  });

  test.each([
    '',
    'x 0 0 1',
    'u 0 0',
    'u 0 0 0',
    'u 0 0 1 1',
    'u 0 -1 1',
    'u 1 0 4294967296',
    'u 0 9999999999 1',
    'b 0 0 1',
  ])('lxc.idmap: %s is refused', (value) => {
    expect(() => ranges(`lxc.idmap: ${value}\n`)).toThrow(
      expect.objectContaining({ code: 'CONFIG_VALUE', entry: 'lxc.idmap' }),
    );
  });

  test('what cannot be read is not guessed', () => {
    expect(() => isUnprivileged(parseGuestConfig('unprivileged: maybe\n', 'lxc'))).toThrow(
      expect.objectContaining({ code: 'CONFIG_VALUE' }),
    );
  });
});
