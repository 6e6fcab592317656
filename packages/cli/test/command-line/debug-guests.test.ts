import { testWith } from '@vzdump-format/testing';
import { expect, test } from 'vitest';
import { runCli } from '../support/running-cli.js';
import { makeSampleGuests, type SampleGuests } from '../support/sample-guests.js';

/** What a command says with `NODE_DEBUG`, a line each, with `DIR` for the sample's directory, and `TIME`. */
async function said({ directory }: SampleGuests, ...args: readonly string[]): Promise<readonly string[]> {
  const { status, stderr } = await runCli(args, { env: { NODE_DEBUG: 'vzdump-format' } });
  expect(status, stderr).toBe(0);
  const lines = stderr.replaceAll(directory, 'DIR').replace(/\d{4}_\d\d_\d\d-\d\d_\d\d_\d\d/g, 'TIME');
  return lines.split('\n').flatMap((line) => /^VZDUMP-FORMAT \d+: (.*)/.exec(line)?.[1] ?? []);
}

const dump = (sample: SampleGuests, vmid: string) =>
  said(sample, 'dump', vmid, ...sample.dumpArgs, '--dumpdir', sample.path('storage/archive'));

test('NODE_DEBUG tells where the backup of a machine goes, and how it is accessed; where its drives go again', async () => {
  const sample = await makeSampleGuests();
  expect(await dump(sample, '100')).toEqual(
    expect.arrayContaining([
      'backups go to DIR/storage/archive',
      'guest 100: the backup becomes vzdump-qemu-100-TIME.vma in DIR/storage/archive',
      'guest 100: temporary files are in DIR/storage/archive/vzdump-qemu-100-TIME.tmp',
      'guest 100: /var/run/qemu-server/100.pid names no process of it',
      'guest 100: does not run, the mode asked for is snapshot, the one taken stop',
    ]),
  );
  expect(await said(sample, 'restore', await sample.dump(100), '300', ...sample.pveRoot)).toEqual(
    expect.arrayContaining([
      'guest 300: there is none',
      'scsi0: becomes local:300/vm-300-disk-0.raw, raw on local: DIR/storage/images/300/vm-300-disk-0.raw',
    ]),
  );
});

testWith(['root'], 'NODE_DEBUG tells what of a container is read, and where it is mounted', async () => {
  const sample = await makeSampleGuests();
  expect(await dump(sample, '101')).toEqual(
    expect.arrayContaining([
      'guest 101: does not run, as no socket of LXC is its',
      'guest 101: does not run, the mode asked for is snapshot, the one taken stop',
      'rootfs: local:101/subvol-101-disk-0.subvol, a directory at DIR/storage/images/101/subvol-101-disk-0.subvol',
      'mp0: local:101/subvol-101-disk-1.subvol, a directory at DIR/storage/images/101/subvol-101-disk-1.subvol',
      expect.stringMatching(/^mount namespace: that of process \d+$/),
      expect.stringMatching(/^mount namespace: that of process \d+ is given up$/),
    ]),
  );
  expect(await said(sample, 'restore', await sample.dump(101), '301', ...sample.pveRoot)).toEqual(
    expect.arrayContaining([
      'rootfs: becomes local:301/subvol-301-disk-0.subvol, subvol on local, mounted at /',
      'mp0: becomes local:301/subvol-301-disk-1.subvol, subvol on local, mounted at /srv/data',
    ]),
  );
});
