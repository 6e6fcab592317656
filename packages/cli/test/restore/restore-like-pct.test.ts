import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { scratch } from '@vzdump-format/testing';
import { describe, expect } from 'vitest';
import { runCli } from '../support/running-cli.js';
import { makeSampleGuests, type SampleGuests } from '../support/sample-guests.js';
import {
  makeTree,
  packLikeVzdump,
  restoreLikePct,
  runFed,
  stateOf,
  testWithTrees,
} from '../support/tree-making.js';

/**
 * vzdump's own files, which `pct restore` removes afterwards. Since they come first, tar makes ./etc for
 * them, and then leaves it as it is (`--skip-old-files`): its owner, mode and time are lost there, and not
 * here.
 */
const LOST_BY_TAR = /^etc$|^etc\/vzdump(\/|$)/;
/** Devices; and /etc, to which the configuration was added. */
const NOT_RESTORED = /^dev\/.|^etc$|^etc\/vzdump(\/|$)/;
const CODECS = [
  ['0', []],
  ['gzip', ['-z']],
  ['lzo', ['--lzop']],
  ['zstd', ['--zstd']],
] as const;

/** The sample's container, privileged, with one of everything that a root file system can have. */
async function makeRichContainer(): Promise<SampleGuests> {
  const sample = await makeSampleGuests();
  await sample.edit('lxc/101.conf', (text) => text.replace(/^(unprivileged|mp\d): .*\n/gm, ''));
  const root = sample.volume(101, 'subvol-101-disk-0.subvol');
  rmSync(root, { recursive: true });
  mkdirSync(root);
  await makeTree(root);
  return sample;
}

async function expectLikePct(sample: SampleGuests, archive: string, flag: readonly string[]): Promise<void> {
  const [theirs, ours] = [sample.path('theirs'), sample.path('ours')];
  restoreLikePct(readFileSync(archive), theirs, flag);
  const { status, stderr } = await sample.restore(archive, '300', '--rootfs', ours);
  expect([status, stderr]).toEqual([0, expect.stringContaining(`extracting archive '${archive}'\n`)]);
  expect(stateOf(ours, LOST_BY_TAR)).toEqual(stateOf(theirs, LOST_BY_TAR));
}

describe('the files of a container are as with the tar of pct restore', () => {
  for (const [codec, flag] of CODECS) {
    testWithTrees(`out of an archive of dump --compress ${codec}`, async () => {
      const sample = await makeRichContainer();
      await expectLikePct(sample, await sample.dump(101, '--compress', codec), flag);
    });
  }

  testWithTrees("out of an archive of vzdump's tar", async () => {
    const sample = await makeRichContainer();
    const configs = await scratch();
    mkdirSync(`${configs}/etc/vzdump`, { recursive: true });
    writeFileSync(`${configs}/etc/vzdump/pct.conf`, (await sample.config('lxc/101.conf'))!);
    writeFileSync(`${configs}/etc/vzdump/pct.fw`, '');
    const archive = sample.path('vzdump-lxc-101-2026_01_01-12_00_00.tar');
    writeFileSync(archive, packLikeVzdump(sample.volume(101, 'subvol-101-disk-0.subvol'), { configs }));
    await expectLikePct(sample, archive, []);
  });

  testWithTrees('on several volumes, and with ids that are not mapped any more', async () => {
    const sample = await makeSampleGuests();
    const archive = await sample.dump(101);
    restoreLikePct(readFileSync(archive), sample.path('theirs'));
    expect((await sample.restore(archive, '300', '--unprivileged', '0')).status).toBe(0);
    const volumes = ['', 'srv/data/', 'var/cache/app/'];
    const ours = volumes.flatMap((prefix, number) => {
      const tree = stateOf(sample.volume(300, `subvol-300-disk-${number}.subvol`));
      return Object.entries(tree).map(([path, state]) => [`${prefix}${path}`, state] as const);
    });
    const mountPoints = /^srv\/data$|^var\/cache\/app$/;
    const theirs = Object.entries(stateOf(sample.path('theirs'), LOST_BY_TAR));
    const isCompared = ([path]: readonly [string, string]) =>
      !mountPoints.test(path) && !LOST_BY_TAR.test(path);
    expect(Object.fromEntries(ours.filter(isCompared))).toEqual(
      Object.fromEntries(theirs.filter(isCompared)),
    );
    expect(await sample.config('lxc/300.conf')).not.toContain('unprivileged');
  });

  testWithTrees('within a user namespace, of an unprivileged one', async () => {
    const sample = await makeSampleGuests();
    const archive = await sample.dump(101);
    const theirs = sample.path('theirs');
    mkdirSync(theirs);
    const map = ['-m', 'u:0:100000:65536', '-m', 'g:0:100000:65536'];
    runFed('chmod', ['0755', sample.directory, `${sample.directory}/..`]);
    runFed('chown', ['100000:100000', theirs]);
    const flags = ['--numeric-owner', '--acls', '--xattrs', '--skip-old-files', '--anchored', '--sparse'];
    const tar = ['tar', 'xpf', '-', ...flags, '-C', theirs, '--exclude', './dev/*'];
    runFed('lxc-usernsexec', [...map, '--', ...tar], readFileSync(archive));
    const ours = sample.path('ours');
    expect((await sample.restore(archive, '300', '--rootfs', ours)).status).toBe(0);
    expect(stateOf(ours, LOST_BY_TAR)).toEqual(stateOf(theirs, LOST_BY_TAR));
  }, ['lxc-usernsexec']);
});

testWithTrees('a container comes out of a pxar, too, and of a split one', async () => {
  const sample = await makeRichContainer();
  const root = sample.volume(101, 'subvol-101-disk-0.subvol');
  const expected = stateOf(root, NOT_RESTORED);
  for (const [vmid, name] of [
    ['300', 'ct.pxar'],
    ['301', 'ct.mpxar'],
  ] as const) {
    const archive = sample.path(name);
    await runCli(['pack', archive, '--root', root, '--config', sample.path('pve/lxc/101.conf')]);
    const { status, stderr } = await sample.restore(archive, vmid, '--rootfs', sample.path(vmid));
    expect([status, stderr]).toEqual([0, expect.stringMatching(`restored CT ${vmid}: `)]);
    expect(stateOf(sample.path(vmid), NOT_RESTORED)).toEqual(expected);
  }
});
