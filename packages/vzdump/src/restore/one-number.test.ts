import { readdirSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ArchiveError } from '@vzdump-format/streams';
import { runTool, scratch } from '@vzdump-format/testing';
import { expect, test } from 'vitest';
import { archiveVm, keepSample, makeSample, restoreTold, type Sample } from './testing/sample.js';

keepSample();

async function archiveContainer(sample: Sample): Promise<string> {
  const directory = await scratch();
  await runTool('mkdir', '-p', join(directory, 'etc/vzdump'));
  await writeFile(join(directory, 'etc/vzdump/pct.conf'), 'hostname: one\nrootfs: local:101/x.raw,size=1G\n');
  await writeFile(join(directory, 'etc/vzdump/pct.fw'), '[OPTIONS]\n\nenable: 1\n');
  const archive = join(sample.directory, 'vzdump-lxc-101-2026_01_01-12_00_00.tar');
  const names = ['./etc/vzdump/pct.conf', './etc/vzdump/pct.fw'];
  await runTool('tar', 'cf', archive, '-C', directory, ...names);
  return archive;
}

/** Lets the archives end only when all of them are being restored. */
function ending(count: number): (archive: Buffer) => AsyncGenerator<Uint8Array> {
  let waiting = 0;
  let go = () => {};
  const allThere = new Promise<void>((resolve) => {
    go = resolve;
  });
  return async function* (archive) {
    yield archive.subarray(0, -1);
    if (++waiting === count) go();
    await allThere;
    yield archive.subarray(-1);
  };
}

test.each(['each without --force', 'each with --force'])(
  'a virtual machine and a container that are restored to one number at once, %s: one of them loses',
  async (how) => {
    const sample = await makeSample();
    const archives = await Promise.all(
      [archiveVm(sample), archiveContainer(sample)].map(async (path) => readFile(await path)),
    );
    const held = ending(archives.length);
    const results = await Promise.allSettled(
      archives.map((archive, index) =>
        restoreTold({
          ...{ archive: held(archive), vmid: 300, pveRoot: sample.pveRoot, force: how.includes('with ') },
          ...(index === 0 ? {} : { mountPoints: new Map([['rootfs', 'local:0']]) }),
        }),
      ),
    );
    const errors = results.flatMap((result) =>
      result.status === 'rejected' ? [result.reason as ArchiveError] : [],
    );
    expect(errors.map(({ code }) => code)).toEqual(['GUEST_EXISTS']);
    const isVm = results[0]!.status === 'fulfilled';
    expect(errors[0]!.message).toBe(
      isVm
        ? 'unable to restore CT 300 - VM 300 was made meanwhile'
        : 'unable to restore VM 300 - CT 300 was made meanwhile',
    );
    const configs = ['qemu-server', 'lxc'].map((name) =>
      readdirSync(join(sample.pveRoot, name)).includes('300.conf'),
    );
    expect(configs).toEqual([isVm, !isVm]);
    const volumes = await sample.images(300);
    expect(volumes.every((name) => name.endsWith('.subvol') !== isVm)).toBe(true);
    expect(await sample.config('firewall/300.fw')).toBe(
      isVm ? await sample.config('firewall/100.fw') : '[OPTIONS]\n\nenable: 1\n',
    );
  },
);
