import type { ArchiveWarning } from '@vzdump-format/streams';
import { describe, expect, test } from 'vitest';
import { formatGuestConfig, parseGuestConfig } from '../guest/guest-config.js';
import { parseStorageConfig } from '../storage/storage-config.js';
import { countingIdentity } from '../testing/counting-identity.js';
import { randomIdentity } from './identity.js';
import { planRestoredDrives, restoreQemuConfig, withDriveSizes } from './restore-qemu-config.js';

const VOLUMES = new Map([
  ['scsi0', 'local-lvm:vm-300-disk-0'],
  ['efidisk0', 'local:300/vm-300-disk-1.qcow2'],
  ['ide2', 'local-lvm:vm-300-cloudinit'],
]);

function restored(text: string, unique = false): string {
  const config = parseGuestConfig(text, 'qemu');
  return formatGuestConfig(
    restoreQemuConfig(config, { volumes: VOLUMES, unique, identity: countingIdentity() }),
  );
}

describe('restoreQemuConfig', () => {
  test.each([
    ['map lines', '#qmdump#map:scsi0:drive-scsi0:local:raw:\n', ''],
    ['comments of former versions', '#vzdump#x\n', ''],
    ['the lock', 'lock: backup\n', ''],
    ['unused volumes', 'unused0: local:1/a.raw\n', ''],
    ['the snapshot it stems from', 'parent: snap\n', ''],
  ])('drops %s', (_name, line, expected) => {
    expect(restored(`name: a\n${line}cores: 1\n`)).toBe(`name: a\n${expected}cores: 1\n`);
  });

  test.each([
    '#Description\n',
    'name: a\n',
    'not understood\n',
    '\n',
    'net0: virtio=BC:24:11:00:00:01,bridge=vmbr0\n',
    'smbios1: uuid=0,manufacturer=x\n',
    'vmgenid: 0\n',
    'ide3: none,media=cdrom\n',
    'ide3: none\n',
    'ide3: cdrom,media=cdrom\n',
    'ide3: local:iso/debian.iso,media=cdrom,size=1M\n',
    'ide3: /srv/debian.iso,media=cdrom\n',
    'vlan: x\n',
  ])('leaves %j', (line) => {
    expect(restored(line)).toBe(line);
  });

  test.each([
    ['local:100/a.raw,size=4G,format=raw,discard=on', 'local-lvm:vm-300-disk-0,discard=on,size=4G'],
    ['file=local:100/a.raw,aio=native', 'local-lvm:vm-300-disk-0,aio=native'],
    ['cache=none,volume=local:100/a.raw', 'local-lvm:vm-300-disk-0,cache=none'],
    ['local:1/b c.raw,serial=a b', 'local-lvm:vm-300-disk-0,serial=a b'],
  ])('gives a drive its volume: %s', (value, expected) => {
    expect(restored(`scsi0: ${value}\n`)).toBe(`scsi0: ${expected}\n`);
    expect(restored(`scsi0:${value}\r\n`)).toBe(`scsi0: ${expected}\r\n`);
  });

  test('does so with EFI disks and the drives for cloud-init', () => {
    expect(
      restored('efidisk0: a:b,efitype=4m,size=528K\nide2: local:1/vm-1-cloudinit.qcow2,media=cdrom\n'),
    ).toBe(
      'efidisk0: local:300/vm-300-disk-1.qcow2,efitype=4m,size=528K\nide2: local-lvm:vm-300-cloudinit,media=cdrom\n',
    );
  });

  test('keeps a drive that was in no backup as a comment, as it was written', () => {
    expect(restored('scsi0:  local:1/a.raw,backup=no\nsata1: local:1/b.raw,backup=0\n')).toBe(
      '#scsi0:  local:1/a.raw,backup=no\n#sata1: local:1/b.raw,backup=0\n',
    );
  });

  test('gives a new generation', () => {
    expect(restored('vmgenid: 5b0c7c1e-2f39-4c77-8d13-0c7a5d7bd0a4\n')).toBe('vmgenid: uuid-1\n');
  });

  describe('unique', () => {
    test.each([
      ['net0: virtio=BC:24:11:00:00:01,bridge=vmbr0\n', 'net0: virtio=mac-1,bridge=vmbr0\n'],
      ['net0: bridge=vmbr0,e1000=bc:24:11:00:00:01\n', 'net0: bridge=vmbr0,e1000=mac-1\n'],
      ['net0: model=virtio,macaddr=BC:24:11:00:00:01\n', 'net0: model=virtio,macaddr=mac-1\n'],
      ['net0: virtio,bridge=vmbr0\n', 'net0: virtio,bridge=vmbr0,macaddr=mac-1\n'],
      ['smbios1: uuid=0,manufacturer=x\n', 'smbios1: uuid=uuid-1,manufacturer=x\n'],
      ['smbios1: manufacturer=x\n', 'smbios1: manufacturer=x,uuid=uuid-1\n'],
      ['vmgenid: 0\n', 'vmgenid: 0\n'],
      ['netx: virtio=BC:24:11:00:00:01\n', 'netx: virtio=BC:24:11:00:00:01\n'],
    ])('%j', (line, expected) => {
      expect(restored(line, true)).toBe(expected);
    });

    test('gives each network card an address of its own', () => {
      const line = 'virtio=BC:24:11:00:00:01';
      expect(restored(`net0: ${line}\nnet1: ${line}\n`, true)).toBe(
        'net0: virtio=mac-1\nnet1: virtio=mac-2\n',
      );
    });

    test('fails for a card that cannot be read, rather than keep its address', () => {
      expect(() => restored('net0: virtio=BC:24:11:00:00:01,a=\n', true)).toThrow(
        expect.objectContaining({ code: 'CONFIG_VALUE', entry: 'net0' }),
      );
    });
  });

  test('turns the network of Proxmox VE 1 into that of today', () => {
    expect(
      restored('vlan0: e1000=AA:BB:CC:DD:EE:FF,virtio;rtl8139=11:22:33:44:55:66\nvlan12: virtio\n'),
    ).toBe(
      `net0: e1000=AA:BB:CC:DD:EE:FF,bridge=vmbr0
net1: virtio=mac-1,bridge=vmbr0
net2: rtl8139=11:22:33:44:55:66,bridge=vmbr0
net3: virtio=mac-2,bridge=vmbr12
`,
    );
    expect(restored('vlan0: virtio,virtio')).toBe(
      'net0: virtio=mac-1,bridge=vmbr0\nnet1: virtio=mac-2,bridge=vmbr0',
    );
    expect(restored('vlan1: e1000=AA:BB:CC:DD:EE:FF\n', true)).toBe('net0: e1000=mac-1,bridge=vmbr1\n');
  });

  test.each([
    ['efidisk0', 'local:100/vm-100-disk-1.raw', ',efitype=4m,size=528K'],
    ['ide0', 'local:100/vm-100-cloudinit.qcow2', ',media=cdrom'],
    ['ide0', 'local:101/vm-101-disk-0.raw', ',media=cdrom'],
    ['ide0', 'local:import/other.raw', ',media=cdrom'],
    ['sata0', '/dev/pve/vm-101-disk-0', ''],
    ['scsi1', 'local:101/vm-101-disk-0.raw', ',serial=a b'],
    ['scsi1', 'local:iso/debian.iso', ''],
    ['scsi31', 'san:lun-7', ''],
    ['tpmstate0', 'local-lvm:vm-101-disk-2', ',version=v2.0'],
    ['virtio1', 'base-9-disk-0', ',format=qcow2'],
    ['vmstate', 'local:101/vm-101-state-x.raw', ''],
  ])('leaves out %s with %s%s, which no archive holds, and tells of it', (key, volume, properties) => {
    const volumes = new Map([['scsi0', 'local-lvm:vm-300-disk-0']]);
    const warnings: ArchiveWarning[] = [];
    const config = restoreQemuConfig(
      parseGuestConfig(`name: a\n${key}: ${volume}${properties}\ncores: 1\n`, 'qemu'),
      { volumes, identity: countingIdentity(), onWarning: (warning) => warnings.push(warning) },
    );
    expect(formatGuestConfig(config)).toBe('name: a\ncores: 1\n');
    expect(warnings).toEqual([
      {
        code: 'RESTORE_VOLUME',
        entry: key,
        message: `${key} is left out: the archive does not hold its volume '${volume}'`,
      },
    ]);
  });

  test('ends at the first section, which an archive made by hand can have', () => {
    const text = 'name: a\n\n[a]\nname: b\n[snap]\nscsi0: local:1/a.raw\n[PENDING]\n';
    const warnings: ArchiveWarning[] = [];
    const config = restoreQemuConfig(parseGuestConfig(text, 'qemu'), {
      ...{ volumes: VOLUMES, identity: countingIdentity() },
      onWarning: (warning) => warnings.push(warning),
    });
    expect(formatGuestConfig(config)).toBe('name: a\n');
    expect(warnings).toEqual([
      {
        code: 'RESTORE_SECTION',
        message: 'only the current configuration is restored, left out: [snap], [PENDING]',
      },
    ]);
  });
});

test('withDriveSizes corrects what differs', () => {
  const config = parseGuestConfig(
    'name: a\nscsi0: l:a,size=1G,ssd=1\nscsi1: l:b\nscsi2: l:c,size=2G\n',
    'qemu',
  );
  const sizes = new Map([
    ['scsi0', 2 ** 31],
    ['scsi1', 528 * 1024],
  ]);
  expect(formatGuestConfig(withDriveSizes(config, sizes))).toBe(
    'name: a\nscsi0: l:a,size=2G,ssd=1\nscsi1: l:b,size=528K\nscsi2: l:c,size=2G\n',
  );
});

describe('randomIdentity', () => {
  test('addresses begin with the prefix', () => {
    expect(randomIdentity().mac()).toMatch(/^BC:24:11(?::[0-9A-F]{2}){3}$/);
    expect(randomIdentity('02').mac()).toMatch(/^02(?::[0-9A-F]{2}){5}$/);
    expect(randomIdentity('aa:bb').mac()).toMatch(/^AA:BB(?::[0-9A-F]{2}){4}$/);
  });

  test('none is like another', () => {
    const { mac, uuid } = randomIdentity('02');
    expect(new Set([mac(), mac(), uuid(), uuid()]).size).toBe(4);
    expect(uuid()).toMatch(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  });
});

const STORAGES = parseStorageConfig(`
dir: fast
	path /fast

lvmthin: thin
	vgname pve
	thinpool data

rbd: ceph
	pool rbd

dir: off
	path /off
	disable
`);

const MAP = `#qmdump#map:efidisk0:drive-efidisk0:thin:raw:
#qmdump#map:scsi0:drive-scsi0:fast:qcow2:
#qmdump#map:tpmstate0:drive-tpmstate0-backup:::
`;

const DEVICES = [
  { name: 'drive-efidisk0', size: 540672 },
  { name: 'drive-scsi0', size: 4096 * 1000 + 512 },
  { name: 'drive-tpmstate0-backup', size: 4194304 },
];

function plan(config: string, storage?: string, devices = DEVICES) {
  const drives = planRestoredDrives(parseGuestConfig(config, 'qemu'), {
    devices,
    storages: STORAGES,
    storage,
  });
  return drives.map((drive) => [drive.key, drive.deviceName, drive.storage.id, drive.format, drive.size]);
}

describe('planRestoredDrives', () => {
  test('puts each drive where it came from, else on local, in its format, else raw', () => {
    expect(plan(MAP)).toEqual([
      ['efidisk0', 'drive-efidisk0', 'thin', 'raw', 540672],
      ['scsi0', 'drive-scsi0', 'fast', 'qcow2', 4097024],
      ['tpmstate0', 'drive-tpmstate0-backup', 'local', 'raw', 4194304],
    ]);
  });

  test('puts all where it is told, in a format that can be there', () => {
    expect(plan(MAP, 'thin').map(([key, , ...target]) => [key, ...target.slice(0, 2)])).toEqual([
      ['efidisk0', 'thin', 'raw'],
      ['scsi0', 'thin', 'raw'],
      ['tpmstate0', 'thin', 'raw'],
    ]);
  });

  test('makes none where a place is chosen already, whatever storage it came from', () => {
    const config = parseGuestConfig('#qmdump#map:scsi0:drive-scsi0:gone:raw:\n', 'qemu');
    const devices = [DEVICES[1]!];
    const options = { devices, storages: STORAGES };
    expect(() => planRestoredDrives(config, options)).toThrow("storage 'gone' does not exist");
    expect(planRestoredDrives(config, { ...options, placed: new Set(['scsi0']) })).toEqual([]);
  });

  test('makes the drives for cloud-init anew', () => {
    const config = 'ide2: fast:100/vm-100-cloudinit.qcow2,media=cdrom\nide3: none,media=cdrom\n';
    expect(plan(config, undefined, [])).toEqual([['ide2', undefined, 'fast', 'qcow2', 4194304]]);
    expect(plan(config, 'thin', [])).toEqual([['ide2', undefined, 'thin', 'raw', 4194304]]);
    expect(plan('ide2: thin:vm-100-cloudinit,media=cdrom\n', 'fast', [])).toEqual([
      ['ide2', undefined, 'fast', 'raw', 4194304],
    ]);
  });

  test('a format that no disk can have is not taken', () => {
    expect(plan('#qmdump#map:scsi0:drive-scsi0:fast:subvol:\n', undefined, [DEVICES[1]!])[0]?.[3]).toBe(
      'raw',
    );
  });

  test('the memory of a running guest is no drive', () => {
    expect(plan('', undefined, [{ name: 'vmstate', size: 1 << 20 }])).toEqual([]);
  });

  test('nothing comes of nothing', () => {
    expect(plan('name: x\n', undefined, [])).toEqual([]);
  });

  test.each([
    [
      'a device without a line',
      '',
      [DEVICES[1]!],
      "found no device mapping information for device 'drive-scsi0'",
    ],
    ['a line without a device', MAP, DEVICES.slice(1), "archive does not contain data for drive 'efidisk0'"],
    ['a drive twice', MAP + MAP, DEVICES, "the archive's map has the key efidisk0 twice"],
    [
      'a device twice',
      '#qmdump#map:scsi0:drive-scsi0:::\n#qmdump#map:scsi1:drive-scsi0:::\n',
      [DEVICES[1]!],
      "the archive's map has the device drive-scsi0 twice",
    ],
    [
      'what is no drive',
      '#qmdump#map:../x:drive-scsi0:::\n',
      [DEVICES[1]!],
      "'../x' in the archive's map is not a drive",
    ],
  ])('refuses %s', (_name, config, devices, message) => {
    expect(() => plan(config, undefined, [...devices])).toThrow(
      expect.objectContaining({ code: 'RESTORE_MAP', message }),
    );
  });

  test.each([
    ['gone', 'STORAGE_UNKNOWN'],
    ['off', 'STORAGE_DISABLED'],
    ['ceph', 'STORAGE_TYPE'],
  ])('refuses the storage %s', (storage, code) => {
    expect(() => plan(MAP, storage)).toThrow(expect.objectContaining({ code }));
    const line = `#qmdump#map:scsi0:drive-scsi0:${storage}:raw:\n`;
    expect(() => plan(line, undefined, [DEVICES[1]!])).toThrow(expect.objectContaining({ code }));
  });
});
