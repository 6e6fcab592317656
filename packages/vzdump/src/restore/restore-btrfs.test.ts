import { mkdir, readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runTool, testWith } from '@vzdump-format/testing';
import { expect, onTestFinished } from 'vitest';
import { archiveVm, keepSample, makeSample, restoreTold, type Sample } from './testing/sample.js';

keepSample();

const TOOLS = ['root', 'btrfs', 'losetup'];

/** A storage `butter` on a btrfs of its own. @returns its directory of images */
async function withButter(sample: Sample): Promise<string> {
  const [image, directory] = [join(sample.directory, 'btrfs.img'), join(sample.directory, 'butter')];
  await writeFile(image, '');
  await truncate(image, 128 << 20);
  await runTool('mkfs.btrfs', '--quiet', image);
  await mkdir(directory);
  await runTool('mount', '-o', 'loop', image, directory);
  onTestFinished(async () => {
    await runTool('umount', directory);
  });
  const cfg = join(sample.pveRoot, 'storage.cfg');
  await writeFile(
    cfg,
    `${await readFile(cfg, 'utf8')}\nbtrfs: butter\n\tpath ${directory}\n\tcontent images,rootdir\n`,
  );
  return join(directory, 'images');
}

async function subvolumesOf(images: string): Promise<string[]> {
  const listed = await runTool('btrfs', 'subvolume', 'list', '-o', join(images, '..'));
  return listed
    .split('\n')
    .flatMap((line) => / path (.*)$/.exec(line)?.[1] ?? [])
    .sort();
}

testWith(TOOLS, 'on btrfs, a disk is a file in a subvolume of its own', async () => {
  const sample = await makeSample();
  const images = await withButter(sample);
  const archive = await archiveVm(sample);
  const { warnings } = await restoreTold({
    ...{ archive, vmid: 300, pveRoot: sample.pveRoot, storage: 'butter' },
  });
  expect(warnings).toEqual([]);
  expect(await subvolumesOf(images)).toEqual(['images/300/vm-300-disk-0']);
  const disk = await readFile(join(images, '300/vm-300-disk-0/disk.raw'));
  expect(disk.equals(await readFile(sample.image(100, 'vm-100-disk-0.raw')))).toBe(true);
  expect(await sample.config('qemu-server/300.conf')).toContain('scsi0: butter:300/vm-300-disk-0.raw,');
});

testWith([...TOOLS, 'tar'], 'a container is a subvolume', async () => {
  const sample = await makeSample();
  const images = await withButter(sample);
  const directory = join(sample.directory, 'files');
  await mkdir(join(directory, 'etc/vzdump'), { recursive: true });
  await writeFile(join(directory, 'etc/vzdump/pct.conf'), 'rootfs: local:101/x.raw,size=1G\nhostname: db\n');
  await writeFile(join(directory, 'etc/hostname'), 'db\n');
  const archive = join(sample.directory, 'a.tar');
  await runTool('tar', 'cf', archive, '-C', directory, './etc/vzdump/pct.conf', './etc/hostname');
  const options = { archive, vmid: 300, pveRoot: sample.pveRoot, storage: 'butter' };
  await restoreTold(options);
  expect(await subvolumesOf(images)).toEqual(['images/300/subvol-300-disk-0.subvol']);
  expect(await readFile(join(images, '300/subvol-300-disk-0.subvol/etc/hostname'), 'utf8')).toBe('db\n');
  // replaced, the old one is gone with all that was in it
  await restoreTold({ ...options, force: true });
  expect(await subvolumesOf(images)).toEqual(['images/300/subvol-300-disk-1.subvol']);
});

testWith([...TOOLS, 'tar'], 'and none is left of a restore that fails', async () => {
  const sample = await makeSample();
  const images = await withButter(sample);
  const archive = await archiveVm(sample);
  await truncate(archive, 200_000);
  const failed = restoreTold({ archive, vmid: 300, pveRoot: sample.pveRoot, storage: 'butter' });
  await expect(failed).rejects.toMatchObject({ code: 'VMA_TRUNCATED' });
  expect(await subvolumesOf(images)).toEqual([]);
  expect(await readdir(join(images, '..'))).toEqual([]);
});
