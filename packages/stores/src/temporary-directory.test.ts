import { execFileSync } from 'node:child_process';
import { scratch } from '@vzdump-format/testing';
import { expect, onTestFinished, test } from 'vitest';
import { chooseTemporaryDirectory } from './temporary-directory.js';

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
