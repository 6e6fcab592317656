import { execFileSync } from 'node:child_process';
import { appendFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { testWith } from '@vzdump-format/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { dump } from './dump/dump.js';
import { archiveVm, keepSample, makeSample, restoreTold, type Sample } from './restore/testing/sample.js';

keepSample();

interface UnmountedSample extends Sample {
  /**
   * Where nothing is mounted, though the directory is there, with what an earlier fault may have left in it.
   */
  readonly usb: string;
  backUp(vmid: number, storage: string): ReturnType<typeof dump>;
}

/** @param lines of the section, USB being the directory */
async function withStorage(type: string, lines: string): Promise<UnmountedSample> {
  const sample = await makeSample();
  const usb = join(sample.directory, 'usb');
  for (const name of ['dump', 'images/100', 'images/101/subvol-101-disk-0.subvol']) {
    await mkdir(join(usb, name), { recursive: true });
  }
  await writeFile(join(usb, 'images/100/vm-100-disk-0.raw'), 'stale');
  const section = `${type}: usb\n\tcontent backup,images,rootdir\n\t${lines.replaceAll('USB', usb)}\n`;
  await appendFile(join(sample.pveRoot, 'storage.cfg'), `\n${section}`);
  const { pveRoot, directory } = sample;
  return {
    ...{ ...sample, usb },
    backUp: (vmid, storage) =>
      dump({
        ...{ vmids: [vmid], storage, pveRoot, configFile: '/dev/null', lockPath: join(directory, 'lock') },
        logDirectory: join(directory, 'no-such-directory'),
      }),
  };
}

const NOT_MOUNTED = {
  code: 'STORAGE_NOT_MOUNTED',
  message: expect.stringMatching(
    /^unable to activate storage 'usb' - directory is expected to be a mount point but is not mounted: '\/.*usb'$/,
  ),
};

describe.each([
  ['dir', 'path USB\n\tis_mountpoint 1'],
  ['dir', 'path USB/images/..\n\tis_mountpoint USB'],
  ['btrfs', 'path USB\n\tis_mountpoint yes'],
  ['nfs', 'path USB\n\tserver nas\n\texport /x'],
  ['cifs', 'path USB\n\tserver nas\n\tshare x'],
])('a storage %s with %j where nothing is mounted', (type, lines) => {
  test('takes no backup and no guest', async () => {
    const sample = await withStorage(type, lines);
    const { pveRoot, usb } = sample;
    const before = await readdir(usb, { recursive: true });
    await expect(sample.backUp(100, 'usb')).rejects.toMatchObject(NOT_MOUNTED);
    const archive = await archiveVm(sample);
    const ofVm = restoreTold({ archive, vmid: 300, pveRoot, storage: 'usb' });
    await expect(ofVm).rejects.toMatchObject(NOT_MOUNTED);
    const container = (await sample.backUp(101, 'local')).guests[0]!.archive!;
    const ofContainer = restoreTold({ archive: container, vmid: 301, pveRoot, storage: 'usb' });
    await expect(ofContainer).rejects.toMatchObject(NOT_MOUNTED);
    expect(await readdir(usb, { recursive: true })).toEqual(before);
  });

  test('gives no backup and no disk either: what is there is something else', async () => {
    const sample = await withStorage(type, lines);
    const archive = 'usb:backup/vzdump-qemu-100-2026_01_01-12_00_00.vma';
    const restored = restoreTold({ archive, vmid: 300, pveRoot: sample.pveRoot });
    await expect(restored).rejects.toMatchObject(NOT_MOUNTED);
    for (const [vmid, name] of [
      [100, 'qemu-server/100.conf'],
      [101, 'lxc/101.conf'],
    ] as const) {
      const path = join(sample.pveRoot, name);
      await writeFile(path, (await readFile(path, 'utf8')).replace(/^(scsi0|rootfs): local:/m, '$1: usb:'));
      const [guest] = (await sample.backUp(vmid, 'local')).guests;
      expect(guest).toMatchObject({ state: 'failed', error: NOT_MOUNTED });
    }
  });
});

testWith(['root'], 'where something is mounted, it takes and gives both', async () => {
  for (const type of ['dir', 'nfs']) {
    const sample = await withStorage(type, 'path USB\n\tis_mountpoint 1');
    execFileSync('mount', ['-t', 'tmpfs', 'test', sample.usb]);
    onTestFinished(() => void execFileSync('umount', [sample.usb]));
    const [guest] = (await sample.backUp(100, 'usb')).guests;
    expect(guest).toMatchObject({ state: 'ok', archive: expect.stringContaining('/usb/dump/') });
    const { result } = await restoreTold({
      ...{ archive: guest!.archive!, vmid: 300, pveRoot: sample.pveRoot, storage: 'usb' },
    });
    expect(result.volumes.get('scsi0')).toBe('usb:300/vm-300-disk-0.raw');
  }
});
