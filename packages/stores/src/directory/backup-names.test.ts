import { parseBackupName } from '@vzdump-format/pve';
import { useTimeZone } from '@vzdump-format/testing';
import { expect, test } from 'vitest';
import { backupNames } from './backup-names.js';

const start = new Date(Date.UTC(2026, 10, 20, 13, 5, 9, 999));

test('a VM', () => {
  useTimeZone('Pacific/Auckland');
  expect(backupNames('/dump/', { type: 'qemu', vmid: 100, start, compression: 'zst' })).toEqual({
    fileName: 'vzdump-qemu-100-2026_11_21-02_05_09.vma.zst',
    stem: 'vzdump-qemu-100-2026_11_21-02_05_09',
    archive: '/dump/vzdump-qemu-100-2026_11_21-02_05_09.vma.zst',
    unfinished: '/dump/vzdump-qemu-100-2026_11_21-02_05_09.vma.dat',
    log: '/dump/vzdump-qemu-100-2026_11_21-02_05_09.log',
    notes: '/dump/vzdump-qemu-100-2026_11_21-02_05_09.vma.zst.notes',
    protection: '/dump/vzdump-qemu-100-2026_11_21-02_05_09.vma.zst.protected',
  });
});

test('a container, uncompressed', () => {
  useTimeZone('UTC');
  expect(backupNames('.', { type: 'lxc', vmid: 101, start })).toMatchObject({
    archive: './vzdump-lxc-101-2026_11_20-13_05_09.tar',
    unfinished: './vzdump-lxc-101-2026_11_20-13_05_09.dat',
  });
});

test.each(['Europe/Berlin', 'Asia/Kathmandu'])('in %s, the name is read as it was meant', (zone) => {
  useTimeZone(zone);
  const { archive, unfinished } = backupNames('/', {
    type: 'lxc',
    vmid: 999999999,
    start,
    compression: 'gz',
  });
  expect(parseBackupName(archive)!.standard).toMatchObject({
    vmid: 999999999,
    ctime: Math.floor(start.getTime() / 1000),
  });
  expect(parseBackupName(unfinished)).toBeUndefined();
});
