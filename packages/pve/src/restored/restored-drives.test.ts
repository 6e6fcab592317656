import { describe, expect, test } from 'vitest';
import { parseGuestConfig } from '../guest/guest-config.js';
import { parseStorageConfig } from '../storage/storage-config.js';
import { planRestoredDrives } from './restored-drives.js';

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
