import type { ArchiveWarning } from '@vzdump-format/streams';
import { describe, expect, test } from 'vitest';
import { formatGuestConfig, parseGuestConfig } from '../guest/guest-config.js';
import { countingIdentity } from '../testing/counting-identity.js';
import { type RestoreLxcConfigOptions, restoreLxcConfig } from './restore-lxc-config.js';

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
