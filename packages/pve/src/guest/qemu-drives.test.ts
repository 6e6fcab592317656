import { describe, expect, test } from 'vitest';
import { parseStorageConfig } from '../storage/storage-config.js';
import { parseGuestConfig } from './guest-config.js';
import {
  deviceName,
  driveMapEntry,
  driveVolume,
  isCloudInit,
  parseDrive,
  qemuDrives,
  selectDrives,
} from './qemu-drives.js';

function select(...lines: string[]) {
  return selectDrives(parseGuestConfig(lines.map((line) => `${line}\n`).join(''), 'qemu'));
}

describe('selectDrives', () => {
  const all = [
    'virtio0: local:100/vm-100-disk-5.raw,size=1G',
    'tpmstate0: local-lvm:vm-100-disk-7,size=4M,version=v2.0',
    'efidisk0: local-lvm:vm-100-disk-6,efitype=4m,size=528K',
    'sata5: /dev/disk/by-id/x,size=1T',
    'scsi2: local:100/vm-100-disk-2.qcow2,size=2G',
    'scsi10: local:100/vm-100-disk-3.qcow2,size=3G',
    'scsi1: local:100/vm-100-disk-1.qcow2,backup=0,size=32G',
    'ide0: local:100/vm-100-disk-0.vmdk',
    'ide2: local:iso/debian.iso,media=cdrom,size=600M',
    'ide3: local:100/vm-100-cloudinit.qcow2,media=cdrom,size=4M',
    'unused0: local:100/vm-100-disk-9.raw',
    'vmstatestorage: local',
    'scsihw: virtio-scsi-pci',
  ];

  test('tells of the drives by bus and number', () => {
    expect(select('bios: ovmf', ...all).messages).toEqual([
      "include disk 'ide0' 'local:100/vm-100-disk-0.vmdk'",
      "exclude disk 'scsi1' 'local:100/vm-100-disk-1.qcow2' (backup=no)",
      "include disk 'scsi2' 'local:100/vm-100-disk-2.qcow2' 2G",
      "include disk 'scsi10' 'local:100/vm-100-disk-3.qcow2' 3G",
      "include disk 'virtio0' 'local:100/vm-100-disk-5.raw' 1G",
      "include disk 'sata5' '/dev/disk/by-id/x' 1T",
      "include disk 'efidisk0' 'local-lvm:vm-100-disk-6' 528K",
      "include disk 'tpmstate0' 'local-lvm:vm-100-disk-7' 4M",
    ]);
  });

  test('gives them sorted as text, with their devices and storages', () => {
    const { included, excluded } = select('bios: ovmf', ...all);
    expect(included.map(({ key, deviceName: device, storage }) => [key, device, storage])).toEqual([
      ['efidisk0', 'drive-efidisk0', 'local-lvm'],
      ['ide0', 'drive-ide0', 'local'],
      ['sata5', 'drive-sata5', undefined],
      ['scsi10', 'drive-scsi10', 'local'],
      ['scsi2', 'drive-scsi2', 'local'],
      ['tpmstate0', 'drive-tpmstate0-backup', 'local-lvm'],
      ['virtio0', 'drive-virtio0', 'local'],
    ]);
    expect(excluded.map(({ key }) => key)).toEqual(['scsi1']);
  });

  test('leaves out the EFI disk of a machine without OVMF', () => {
    const efidisk = 'efidisk0: local-lvm:vm-100-disk-6,size=528K';
    const message = "exclude disk 'efidisk0' 'local-lvm:vm-100-disk-6' (efidisk but no OVMF BIOS)";
    expect(select(efidisk).messages).toEqual([message]);
    expect(select('bios: seabios', efidisk).messages).toEqual([message]);
    expect(select('bios: ovmf', `${efidisk},backup=0`).messages).toEqual([
      "exclude disk 'efidisk0' 'local-lvm:vm-100-disk-6' (backup=no)",
    ]);
  });

  test.each(['no', '0', 'off', 'false', 'NO'])('backup=%s leaves a drive out', (value) => {
    expect(select(`scsi0: local:1/a.raw,backup=${value}`).included).toEqual([]);
  });

  test.each(['yes', '1', 'on'])('backup=%s does not', (value) => {
    expect(select(`scsi0: local:1/a.raw,backup=${value}`).included).toHaveLength(1);
  });

  test('looks at the current section alone, and at keys that are drives', () => {
    const lines = [
      'scsi31: local:1/a.raw',
      'ide4: local:1/a.raw',
      'virtio16: local:1/a.raw',
      'sata6: local:1/a.raw',
    ];
    expect(select(...lines, 'efidisk1: local:1/a.raw', '[snap]', 'scsi0: local:1/a.raw')).toEqual({
      included: [],
      excluded: [],
      messages: [],
    });
  });

  test.each([
    ['local:1/a.raw,backup=perhaps', "scsi0 cannot be read: backup is 1 or 0, not 'perhaps'"],
    ['size=4G', 'scsi0 cannot be read: it names no volume'],
    [
      'local:1/a.raw,size=1G,size=2G',
      'scsi0 cannot be read: duplicate key in comma-separated list property: size',
    ],
  ])('fails for %j, which would otherwise be missing in the backup', (value, message) => {
    expect(() => select(`scsi0: ${value}`)).toThrow(
      expect.objectContaining({ code: 'CONFIG_VALUE', message }),
    );
  });

  test('what would act on a terminal is shown', () => {
    expect(select('scsi0: local:1/\x1b[2J.raw').messages).toEqual([
      "include disk 'scsi0' 'local:1/\\x1b[2J.raw'",
    ]);
  });
});

test('a volume has two names', () => {
  expect(parseDrive('scsi0', 'volume=local:1/a.raw')).toMatchObject({
    volume: 'local:1/a.raw',
    storage: 'local',
  });
});

test('qemuDrives tells of CD-ROM drives too', () => {
  const config = parseGuestConfig('ide2: none,media=cdrom\n', 'qemu');
  expect(qemuDrives(config)).toMatchObject([{ key: 'ide2', volume: 'none', storage: undefined }]);
});

test.each([
  ['local:100/vm-100-cloudinit.qcow2,media=cdrom', true],
  ['local-lvm:vm-100-cloudinit,media=cdrom', true],
  ['local-lvm:vm-100-cloudinit', false],
  ['local:iso/vm-100-cloudinits.iso,media=cdrom', false],
  ['none,media=cdrom', false],
])('%s holds what cloud-init reads: %s', (text, expected) => {
  expect(isCloudInit(parseDrive('ide2', text))).toBe(expected);
});

test('deviceName', () => {
  expect([deviceName('scsi0'), deviceName('tpmstate0')]).toEqual(['drive-scsi0', 'drive-tpmstate0-backup']);
});

const STORAGES = parseStorageConfig('');

test.each([
  ['local:100/a.qcow2,format=raw', 'qcow2', 'local'],
  ['/srv/a.img', 'raw', ''],
  ['/srv/a.img,format=qcow2', 'qcow2', ''],
  ['/srv/a.qcow2,format=odd', 'qcow2', ''],
])('%s is %s from %s', (text, format, storage) => {
  const drive = { ...parseDrive('scsi0', text), deviceName: 'drive-scsi0' };
  const volume = driveVolume(STORAGES, drive);
  expect(driveMapEntry(drive, volume)).toEqual({ key: 'scsi0', deviceName: 'drive-scsi0', storage, format });
});
