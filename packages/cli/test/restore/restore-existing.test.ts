import { readdirSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { runTool, testWith } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import { linesOf } from '../support/running-cli.js';
import { makeSampleGuests, type SampleGuests } from '../support/sample-guests.js';
import { stateOf } from '../support/tree-making.js';

const DISK = 'vm-100-disk-0.raw';

/** Everything in the sample's configuration and storages, by its content and time. */
async function everything(sample: SampleGuests): Promise<string> {
  const find = ['-printf', '%P %y %m %U:%G %s %T@\\n'];
  const found = await runTool('find', sample.path('pve'), sample.path('storage/images'), ...find);
  return linesOf(found)
    .filter((line) => !line.startsWith('user.cfg'))
    .sort()
    .join('\n');
}

describe('a guest that is there', () => {
  test.each([
    [100, 'VM 100'],
    [101, 'CT 101'],
  ])('%d is never replaced without --force', async (vmid, name) => {
    const sample = await makeSampleGuests();
    const archive = await sample.dump(vmid);
    const before = await everything(sample);
    const { status, stderr, stdout } = await sample.restore(archive, String(vmid));
    expect(linesOf(stderr)).toEqual([
      `vzdump-format: unable to restore ${name} - ${name} exists already`,
      'hint: choose another number, or replace it with --force',
    ]);
    expect([status, stdout.length]).toEqual([1, 0]);
    expect(await everything(sample)).toBe(before);
  });

  test('is not replaced by one of the other type, not even with --force', async () => {
    const sample = await makeSampleGuests();
    const archive = await sample.dump(100);
    const before = await everything(sample);
    const { status, stderr } = await sample.restore(archive, '101', '--force');
    expect([status, stderr]).toEqual([1, 'vzdump-format: unable to restore VM 101 - it is a container\n']);
    expect(await everything(sample)).toBe(before);
  });

  test('is replaced with --force, its other disks kept', async () => {
    const sample = await makeSampleGuests();
    const archive = await sample.dump(100, '--compress', 'zstd');
    writeFileSync(sample.volume(100, DISK), 'damaged');
    const { status, stderr } = await sample.restore(archive, '100', '--force');
    expect(status).toBe(0);
    expect(await sample.volumes(100)).toEqual([1, 2, 3].map((number) => `vm-100-disk-${number}.raw`));
    expect(linesOf(stderr).slice(-4, -1)).toEqual([
      "unused0: 'local:100/vm-100-disk-1.raw' stays",
      "unused1: 'local:100/vm-100-disk-2.raw' stays",
      `removed old volume 'local:100/${DISK}'`,
    ]);
  });

  testWith(['root'], 'a container likewise, whose excluded mount point is kept', async () => {
    const sample = await makeSampleGuests();
    const root = () => stateOf(sample.volume(101, 'subvol-101-disk-0.subvol'), /^(tmp|var)\//);
    const before = root();
    const archive = await sample.dump(101, '--compress', 'zstd');
    writeFileSync(sample.volume(101, 'subvol-101-disk-0.subvol/etc/hostname'), 'changed\n');
    expect((await sample.restore(archive, '101', '--force', '1')).status).toBe(0);
    const config = (await sample.config('lxc/101.conf'))!;
    const newRoot = /^rootfs: local:101\/([^,]+)/m.exec(config)![1]!;
    const now = stateOf(sample.volume(101, newRoot), /^(tmp|var)\//);
    expect(now['etc/hostname']).toBe(before['etc/hostname']);
    expect(readdirSync(sample.volume(101, 'subvol-101-disk-2.subvol'))).toEqual(['cached']);
    expect(config).toContain('unused0: local:101/subvol-101-disk-2.subvol\n');
  });
});

describe('what has no guest is not replaced either', () => {
  test('volumes of the number', async () => {
    const sample = await makeSampleGuests();
    const archive = await sample.dump(100);
    await runTool('mkdir', sample.path('storage/images/300'));
    await writeFile(sample.volume(300, 'vm-300-disk-0.raw'), 'of someone');
    const { status, stderr } = await sample.restore(archive, '300');
    expect([status, linesOf(stderr)]).toEqual([
      0,
      expect.arrayContaining(["unused0: 'local:300/vm-300-disk-0.raw' stays"]),
    ]);
    expect(await sample.config('qemu-server/300.conf')).toContain('scsi0: local:300/vm-300-disk-1.raw,');
  });

  test('a file that --drive names', async () => {
    const sample = await makeSampleGuests();
    const archive = await sample.dump(100);
    const target = sample.path('chosen.raw');
    await writeFile(target, 'of someone');
    const drive = ['--drive', `scsi0=${target}`];
    const { status, stderr } = await sample.restore(archive, '300', ...drive);
    expect([status, stderr]).toEqual([1, expect.stringContaining(`${target} exists already\n`)]);
    expect(await runTool('cat', target)).toBe('of someone');
    expect(await sample.config('qemu-server/300.conf')).toBeUndefined();
    expect((await sample.restore(archive, '300', ...drive, '--force')).status).toBe(0);
    await runTool('cmp', target, sample.volume(100, DISK));
  });
});
