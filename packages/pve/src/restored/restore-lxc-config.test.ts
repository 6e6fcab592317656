import type { ArchiveWarning } from '@vzdump-format/streams';
import { describe, expect, test } from 'vitest';
import { formatGuestConfig, parseGuestConfig } from '../guest/guest-config.js';
import { parseStorageConfig } from '../storage/storage-config.js';
import { countingIdentity } from '../testing/counting-identity.js';
import {
  formatRestoredMountPoint,
  type PlanRestoredMountPointsOptions,
  planRestoredMountPoints,
  type RestoreLxcConfigOptions,
  restoreLxcConfig,
} from './restore-lxc-config.js';

const MOUNT_POINTS = new Map([['rootfs', 'local:300/vm-300-disk-0.raw,size=4G']]);

function restored(text: string, options: Partial<RestoreLxcConfigOptions> = {}): string {
  return formatGuestConfig(
    restoreLxcConfig(parseGuestConfig(text, 'lxc'), {
      vmid: 300,
      mountPoints: MOUNT_POINTS,
      identity: countingIdentity(),
      ...options,
    }),
  );
}

describe('restoreLxcConfig', () => {
  test('takes what does not concern the container that it came from', () => {
    const text = `#Description
arch: amd64
digest: x
hostname: db
lock: backup
memory: 1024
mp0: local:101/b.raw,mp=/x
mp10: local:101/c.raw,mp=/y
net0: name=eth0,hwaddr=BC:24:11:00:00:01

ostype: fedora
[a]
ostype: debian
parent: snap
rootfs: local:101/a.raw,size=4G
swap: 0
template: 1
unprivileged: 1
unused0: local:101/d.raw
x_unknown: kept
lxc.cap.drop: sys_time
lxc.cap.drop: sys_module

[snap]
arch: i386
`;
    expect(restored(text)).toBe(`#Description
arch: amd64
hostname: db
memory: 1024
net0: name=eth0,hwaddr=BC:24:11:00:00:01
ostype: debian
rootfs: local:300/vm-300-disk-0.raw,size=4G
swap: 0
unprivileged: 1
x_unknown: kept
lxc.cap.drop: sys_time
lxc.cap.drop: sys_module
`);
  });

  test('sets what is missing', () => {
    expect(restored('')).toBe(
      'hostname: CT300\nmemory: 512\nrootfs: local:300/vm-300-disk-0.raw,size=4G\nswap: 512\n',
    );
  });

  test('the command line wins', () => {
    const overrides = new Map([
      ['hostname', 'copy'],
      ['swap', '1024'],
      ['description', 'two: \nlines'],
    ]);
    expect(restored('#old\nhostname: db\n', { overrides })).toBe(
      '#two%3A \n#lines\nhostname: copy\nmemory: 512\nrootfs: local:300/vm-300-disk-0.raw,size=4G\nswap: 1024\n',
    );
  });

  test('an override that would be more than a line is refused', () => {
    const overrides = new Map([['hostname', 'x\nlxc.cap.drop: y']]);
    expect(() => restored('', { overrides })).toThrow(expect.objectContaining({ code: 'CONFIG_VALUE' }));
  });

  test('mount points come as they are now', () => {
    const mountPoints = new Map([...MOUNT_POINTS, ['mp3', '/srv/x,mp=/x']]);
    expect(restored('mp0: local:1/a.raw,mp=/x\n', { mountPoints })).toContain('\nmp3: /srv/x,mp=/x\n');
  });

  test.each([
    ['unprivileged: 1\n', undefined, true],
    ['unprivileged: 1\n', false, false],
    ['', true, true],
    ['unprivileged: 0\n', undefined, false],
  ])('%j with unprivileged %s is unprivileged: %s', (text, unprivileged, expected) => {
    expect(restored(text, { unprivileged }).includes('unprivileged: 1')).toBe(expected);
    expect(restored(text, { unprivileged })).not.toContain('unprivileged: 0');
  });

  test('unique gives every network an address of its own', () => {
    const text = 'net0: name=eth0,hwaddr=BC:24:11:00:00:01,type=veth\nnet1: name=eth1\n';
    expect(restored(text, { unique: true })).toContain(
      'net0: name=eth0,hwaddr=mac-1,type=veth\nnet1: name=eth1,hwaddr=mac-2\n',
    );
  });

  test('a network that the command line adds without an address gets one', () => {
    const overrides = new Map([
      ['net0', 'name=eth0,hwaddr=BC:24:11:00:00:09'],
      ['net2', 'name=eth2'],
    ]);
    const text = restored('net0: name=eth0\nnet1: name=eth1\n', { overrides });
    expect(text).toContain('net0: name=eth0,hwaddr=BC:24:11:00:00:09\nnet1: name=eth1\n');
    expect(text).toContain('net2: name=eth2,hwaddr=mac-1\n');
  });

  describe('for one who is not root', () => {
    test('lines for LXC are left out, and told of', () => {
      const warnings: ArchiveWarning[] = [];
      const text = restored('arch: x\nlxc.cap.drop: a\nlxc.idmap = u 0 0 1\n', {
        restricted: true,
        onWarning: (warning) => warnings.push(warning),
      });
      expect(text).not.toContain('lxc.');
      expect(warnings).toEqual([
        {
          code: 'CONFIG_RAW_LXC',
          message: 'only root may restore lines for LXC, left out: lxc.cap.drop: a, lxc.idmap: u 0 0 1',
        },
      ]);
    });

    test.each([
      ['unprivileged: 1\nfeatures: nesting=1\n', false, false],
      ['unprivileged: 1\nfeatures: nesting=1\n', undefined, true],
      ['features: nesting=1\n', false, true],
      ['features: nesting=1\n', true, true],
    ])('%j with unprivileged %s keeps features: %s', (text, unprivileged, kept) => {
      expect(restored(text, { restricted: true, unprivileged }).includes('features')).toBe(kept);
    });

    test('root keeps features', () => {
      expect(restored('unprivileged: 1\nfeatures: nesting=1\n', { unprivileged: false })).toContain(
        'features',
      );
    });
  });
});

describe('the mount points of a restored container', () => {
  const STORAGES = parseStorageConfig(`
zfspool: tank
	pool tank

lvm: vg
	vgname vg

btrfs: butter
	path /butter
`);

  const ARCHIVED = `rootfs: gone:101/vm-101-disk-0.raw,acl=1,size=4G
mp0: gone:101/vm-101-disk-1.raw,mp=/data,backup=1,size=1500
mp1: gone:101/vm-101-disk-2.raw,mp=/cache,size=0T
mp2: /srv/shared,mp=/shared,ro=1
`;

  function plan(text: string, options: Partial<PlanRestoredMountPointsOptions> = {}) {
    const planned = planRestoredMountPoints(parseGuestConfig(text, 'lxc'), {
      storages: STORAGES,
      ...options,
    });
    return planned.map((each) => {
      const { key, path } = each.mountPoint;
      const value = formatRestoredMountPoint(each, `NEW-${key}`);
      return each.kind === 'new'
        ? [key, path, each.storage.id, each.format, each.size, value]
        : [key, path, value];
    });
  }

  const given = (entries: Record<string, string>) => ({ mountPoints: new Map(Object.entries(entries)) });

  describe('from the archive', () => {
    test('each volume is made anew on local', () => {
      expect(plan(ARCHIVED)).toEqual([
        ['rootfs', '/', 'local', 'raw', 2 ** 32, 'NEW-rootfs,acl=1,size=4G'],
        ['mp0', '/data', 'local', 'raw', 2048, 'NEW-mp0,backup=1,mp=/data,size=2K'],
        ['mp1', '/cache', 'local', 'subvol', 0, 'NEW-mp1,mp=/cache,size=0T'],
        ['mp2', '/shared', '/srv/shared,mp=/shared,ro=1'],
      ]);
    });

    test.each([
      ['tank', 'subvol'],
      ['butter', 'subvol'],
      ['vg', 'raw'],
    ])('or on %s, as %s', (storage, format) => {
      const [rootfs] = plan('rootfs: x:y,size=4G\n', { storage });
      expect(rootfs?.slice(2, 5)).toEqual([storage, format, 2 ** 32]);
    });

    test('one of the host that asked for a backup is told of', () => {
      const warnings: ArchiveWarning[] = [];
      plan('rootfs: x:y,size=1G\nmp0: /srv/x,mp=/x,backup=1\nmp1: /dev/sdb,mp=/y\n', {
        onWarning: (warning) => warnings.push(warning),
      });
      expect(warnings).toEqual([
        {
          code: 'MOUNT_POINT_NOT_RESTORED',
          entry: 'mp0',
          message: "bind mount point mp0 ('/x') was not in the backup, though it has backup=1",
        },
      ]);
    });

    test('those of the host are left out, and told of, for all but root', () => {
      const warnings: ArchiveWarning[] = [];
      const planned = plan(`${ARCHIVED}mp3: /dev/sdb,mp=/y\n`, {
        restricted: true,
        onWarning: (warning) => warnings.push(warning),
      });
      expect(planned.map(([key]) => key)).toEqual(['rootfs', 'mp0', 'mp1']);
      expect(warnings.map(({ code, entry }) => [code, entry])).toEqual([
        ['MOUNT_POINT_NOT_RESTORED', 'mp2'],
        ['MOUNT_POINT_NOT_RESTORED', 'mp3'],
      ]);
    });

    test.each([
      ['rootfs: x:y\n', 'unable to detect disk size - please specify rootfs (size)'],
      [
        'rootfs: x:y,size=1G\nmp7: x:z,mp=/x,size=big\n',
        'unable to detect disk size - please specify mp7 (size)',
      ],
      ['', 'the archive has no configuration of a rootfs'],
      ['mp0: x:y,mp=/x,size=1G\n', 'the archive has no configuration of a rootfs'],
    ])('%j is refused', (text, message) => {
      expect(() => plan(text)).toThrow(expect.objectContaining({ code: 'RESTORE_MOUNT_POINTS', message }));
    });
  });

  describe('from the command line', () => {
    test('sizes are GiB, and what the archive has does not count', () => {
      const options = given({ mp12: 'vg:0.5,mp=/a', mp2: '1,mp=/b,backup=1', rootfs: 'local:4,acl=1' });
      expect(plan(ARCHIVED, { ...options, storage: 'tank' })).toEqual([
        ['rootfs', '/', 'local', 'raw', 2 ** 32, 'NEW-rootfs,acl=1,size=4G'],
        ['mp2', '/b', 'tank', 'subvol', 2 ** 30, 'NEW-mp2,backup=1,mp=/b,size=1G'],
        ['mp12', '/a', 'vg', 'raw', 2 ** 29, 'NEW-mp12,mp=/a,size=512M'],
      ]);
    });

    test('0 makes a directory', () => {
      expect(plan('', given({ rootfs: 'local:0' }))).toEqual([
        ['rootfs', '/', 'local', 'subvol', 0, 'NEW-rootfs,size=0T'],
      ]);
    });

    test('what there is already is taken', () => {
      const options = given({
        rootfs: 'local:300/vm-300-disk-0.raw',
        mp0: '/srv/x,mp=/x',
        mp1: '/dev/sdb,mp=/y',
      });
      expect(plan('', options)).toEqual([
        ['rootfs', '/', 'local:300/vm-300-disk-0.raw'],
        ['mp0', '/x', '/srv/x,mp=/x'],
        ['mp1', '/y', '/dev/sdb,mp=/y'],
      ]);
    });

    test.each([
      [
        { mp0: 'local:4,mp=/x' },
        'RESTORE_MOUNT_POINTS',
        "mount points configured, but 'rootfs' not set - aborting",
      ],
      [{ rootfs: '99999999999' }, 'RESTORE_MOUNT_POINTS', 'a volume cannot have 99999999999 GiB'],
      [{ rootfs: 'vg:0' }, 'RESTORE_MOUNT_POINTS', "rootfs needs a size on storage 'vg'"],
      [
        { rootfs: 'local:4', mp0: 'local:4' },
        'CONFIG_VALUE',
        'mp0 cannot be read: it needs a volume, and mp=PATH',
      ],
      [{ rootfs: 'local:4', net0: 'x' }, 'CONFIG_VALUE', 'net0 cannot be read: it is neither rootfs nor mpN'],
      [{ rootfs: 'gone:4' }, 'STORAGE_UNKNOWN', "storage 'gone' does not exist"],
    ])('%j is refused', (entries, code, message) => {
      expect(() => plan('', given(entries as Record<string, string>))).toThrow(
        expect.objectContaining({ code, message }),
      );
    });
  });
});
