import { expect, test } from 'vitest';
import { parseStorageConfig } from '../storage/storage-config.js';
import { driveMapEntry, driveVolume } from './drive-volume.js';
import { parseDrive } from './qemu-drives.js';

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
