import { execFile } from 'node:child_process';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { pathToBytes } from '@vzdump-format/posix';
import { keptScratch } from '@vzdump-format/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { lxcArchiveConfig, qemuArchiveConfig } from './guest/archive-config.js';
import { formatGuestConfig, guestDescription } from './guest/guest-config.js';
import { formatIdRange, idMap, selectMountPoints } from './guest/lxc-config.js';
import { driveMapEntry, driveVolume, selectDrives } from './guest/qemu-drives.js';
import { PveRoot } from './host/pve-root.js';
import { contentDirectory, requireBackupStorage } from './storage/storage-config.js';
import { resolveVolume } from './storage/volume.js';

const SAMPLE = join(import.meta.dirname, '../../../examples/pve');

const directory = keptScratch();
let root: PveRoot;

beforeAll(async () => {
  await directory.make();
  const target = directory.path('made');
  const { stdout } = await promisify(execFile)(process.execPath, [join(SAMPLE, 'make-guests.mjs'), target]);
  expect(stdout).toBe(`${join(target, 'pve')}\n`);
  root = await PveRoot.open(stdout.trim(), {
    onWarning: ({ message }) => {
      throw new Error(message);
    },
  });
});

afterAll(directory.remove);

test('has a virtual machine and a container, in one pool', async () => {
  expect((await root.guests()).map(({ vmid, type }) => [vmid, type])).toEqual([
    [100, 'qemu'],
    [101, 'lxc'],
  ]);
  expect((await root.pools()).get('production')).toEqual(new Set([100, 101]));
  expect(await root.readFirewall(100)).toBeDefined();
  expect(await root.readFirewall(101)).toBeUndefined();
});

test.each(['qemu-server/100.conf', 'lxc/101.conf'])('%s is written back byte for byte', async (name) => {
  const guest = (await root.guests()).find(({ configPath }) => configPath.endsWith(name))!;
  const config = await root.readConfig(guest);
  expect(pathToBytes(formatGuestConfig(config))).toEqual(await readFile(guest.configPath));
});

test('keeps backups where there is a directory', async () => {
  const storages = await root.storages();
  for (const id of ['local', 'archive']) {
    const path = contentDirectory(requireBackupStorage(storages, id), 'backup');
    expect((await stat(path)).isDirectory()).toBe(true);
  }
  expect(storages.get('archive')?.retention).toEqual({ last: 2, weekly: 4 });
});

test('what is here without the script can be read, too', async () => {
  const here = await PveRoot.open(SAMPLE);
  expect((await here.storages()).get('local')).toMatchObject({ path: '/srv/sample' });
  expect((await here.guests()).map(({ vmid }) => vmid)).toEqual([100, 101]);
});

describe('the virtual machine', () => {
  test('has drives whose images are there', async () => {
    const config = await root.readConfig(await root.guest(100));
    const storages = await root.storages();
    const { included, excluded, messages } = selectDrives(config);
    expect(messages).toEqual([
      "include disk 'scsi0' 'local:100/vm-100-disk-0.raw' 16M",
      "exclude disk 'scsi1' 'local:100/vm-100-disk-1.raw' (backup=no)",
    ]);
    const volumes = included.map((drive) => driveVolume(storages, drive));
    expect(volumes.map(({ format }) => format)).toEqual(['raw']);
    expect((await stat(volumes[0]!.path)).size).toBe(16 << 20);
    expect((await stat(driveVolume(storages, excluded[0]!).path)).size).toBe(1 << 20);
    expect(guestDescription(config)).toBe('# Web server\n\nServes the shop: 24 hours a day.\n');
  });

  test('is archived as vzdump would', async () => {
    const config = await root.readConfig(await root.guest(100));
    const storages = await root.storages();
    const map = selectDrives(config).included.map((drive) =>
      driveMapEntry(drive, driveVolume(storages, drive)),
    );
    expect(qemuArchiveConfig(config, map)).toEqual({
      text: `## Web server
#
#Serves the shop%3A 24 hours a day.
agent: enabled=1,fstrim_cloned_disks=1
balloon: 512
boot: order=scsi0;net0
cores: 2
ide2: none,media=cdrom
memory: 1024
meta: creation-qemu=10.0.2,ctime=1760000000
name: web
net0: virtio=BC:24:11:00:00:64,bridge=vmbr0,firewall=1
numa: 0
onboot: 1
ostype: l26
scsi0: local:100/vm-100-disk-0.raw,discard=on,iothread=1,size=16M
scsi1: local:100/vm-100-disk-1.raw,backup=0,size=1M
scsihw: virtio-scsi-single
smbios1: uuid=3f1c2a54-6a1d-4b7e-9a53-1f0e6a7d2c10
sockets: 1
tags: production;web
vmgenid: 5b0c7c1e-2f39-4c77-8d13-0c7a5d7bd0a4

#qmdump#map:scsi0:drive-scsi0:local:raw:
`,
      messages: [
        "skip unused drive 'local:100/vm-100-disk-2.raw' (not included into backup)",
        'snapshots found (not included into backup)',
        'pending configuration changes found (not included into backup)',
      ],
    });
  });
});

describe('the container', () => {
  test('has mount points that are there', async () => {
    const config = await root.readConfig(await root.guest(101));
    const storages = await root.storages();
    const { included, messages } = selectMountPoints(config);
    expect(messages).toEqual([
      "including mount point rootfs ('/') in backup",
      "including mount point mp0 ('/srv/data') in backup",
      "excluding volume mount point mp1 ('/var/cache/app') from backup (disabled)",
      "excluding bind mount point mp2 ('/mnt/shared') from backup (not a volume)",
    ]);
    const volumes = included.map(({ volume }) => resolveVolume(storages, volume));
    expect(volumes.map(({ format }) => format)).toEqual(['subvol', 'subvol']);
    expect(await readdir(volumes[0]!.path)).toContain('etc');
    expect(await readdir(volumes[1]!.path)).toEqual(['orders']);
    expect(idMap(config).map(formatIdRange)).toEqual(['u:0:100000:65536', 'g:0:100000:65536']);
  });

  test('is archived as vzdump would', async () => {
    expect(
      lxcArchiveConfig(await root.readConfig(await root.guest(101))),
    ).toBe(`#Keeps the orders. Restore it before web.
arch: amd64
cores: 1
features: nesting=1
hostname: db
memory: 512
mp0: local:101/subvol-101-disk-1.subvol,mp=/srv/data,backup=1,size=0T
mp1: local:101/subvol-101-disk-2.subvol,mp=/var/cache/app,size=0T
mp2: ${directory.path('made/storage/shared')},mp=/mnt/shared,ro=1
nameserver: 192.0.2.53
net0: name=eth0,bridge=vmbr0,firewall=1,gw=192.0.2.1,hwaddr=BC:24:11:00:00:65,ip=192.0.2.101/24,type=veth
onboot: 1
ostype: debian
rootfs: local:101/subvol-101-disk-0.subvol,size=0T
swap: 256
unprivileged: 1
lxc.mount.entry: tmpfs run/lock tmpfs rw,nodev,nosuid,noexec,size=5m 0 0
lxc.environment: LANG=C.UTF-8
`);
  });
});
