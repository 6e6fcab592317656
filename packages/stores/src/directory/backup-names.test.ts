import { execFileSync } from 'node:child_process';
import { parseBackupName } from '@vzdump-format/pve';
import { scratch, useTimeZone } from '@vzdump-format/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { backupNames, chooseTemporaryDirectory } from './backup-names.js';

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

describe('the temporary directory', () => {
  const container = { type: 'lxc', vmid: 101, stem: 'STEM', pid: 4711 } as const;

  test('what is asked for', () => {
    const options = { ...container, tmpdir: '/mnt/fast/', dumpDirectory: '/dump' };
    expect(chooseTemporaryDirectory(options)).toEqual({
      path: '/mnt/fast/vzdumptmp4711_101',
      notice: undefined,
    });
  });

  test('for what becomes no file', () => {
    const path = `/var/tmp/vzdumptmp${process.pid}_101`;
    expect(chooseTemporaryDirectory({ ...container, pid: process.pid, dumpDirectory: undefined })).toEqual({
      path,
      notice: undefined,
    });
  });

  test('for a VM, beside the archive, whatever the file system', () => {
    expect(chooseTemporaryDirectory({ ...container, type: 'qemu', dumpDirectory: '/proc/self' })).toEqual({
      path: '/proc/self/STEM.tmp',
      notice: undefined,
    });
  });

  test('for a container, where owners are kept', () => {
    expect(chooseTemporaryDirectory({ ...container, dumpDirectory: '/proc' })).toEqual({
      path: '/var/tmp/vzdumptmp4711_101',
      notice: "filesystem type on dumpdir is 'proc' -using /var/tmp/vzdumptmp4711_101 for temporary files",
    });
  });

  const asRoot = process.getuid?.() === 0 || process.env.CI !== undefined ? test : test.skip;

  asRoot('for a container, beside the archive on ext4 (skipped unless root)', async () => {
    const [directory, image] = [await scratch(), await scratch()];
    execFileSync('sh', [
      '-c',
      'truncate -s 4M "$1" && mkfs.ext4 -q "$1" && mount -o loop "$1" "$2"',
      '-',
      `${image}/image`,
      directory,
    ]);
    onTestFinished(() => void execFileSync('umount', [directory]));
    expect(chooseTemporaryDirectory({ ...container, dumpDirectory: `${directory}/` })).toEqual({
      path: `${directory}/STEM.tmp`,
      notice: undefined,
    });
  });
});
