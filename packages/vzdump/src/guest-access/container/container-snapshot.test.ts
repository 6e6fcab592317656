import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isMet, keptScratch, testWith } from '@vzdump-format/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect } from 'vitest';
import type { AccessPhase, GuestAccess } from '../guest-access.js';
import { testAccessContract } from '../testing/access-contract.js';
import { BusyboxContainer, countSpread } from '../testing/busybox-container.js';
import { makeImage, mountImage, run, unmount, usesOf } from '../testing/file-systems.js';
import { asTree, pathsIn } from '../testing/read-tree.js';
import { type RecordedContextOptions, recordedContext } from '../testing/recorded-context.js';
import { containerMethods } from './container-methods.js';

const VMID = 933;
const ROOTFS = `rootfs: local:${VMID}/subvol-${VMID}-disk-0.subvol,size=0T\n`;
const CONFIG = `${ROOTFS}mp0: local:${VMID}/subvol-${VMID}-disk-1.subvol,mp=/srv/data,backup=1,size=0T
mp1: local:${VMID}/vm-${VMID}-disk-2.raw,mp=/srv/image,backup=1,size=32M
`;
const NEEDS = ['lxc', 'btrfs', 'root'] as const;
const MADE = "INFO: create storage snapshot 'vzdump'";
const REMOVED = "INFO: cleanup temporary 'vzdump' snapshot";
const ONLINE = expect.stringMatching(/^INFO: guest is online again after (<1|\d+) seconds$/);

const kept = keptScratch();
let directory: string;
let storage: string;
let container: BusyboxContainer;
let access: GuestAccess;

/** Two subvolumes with files, and one with an image of an ext4 in it, all on btrfs. */
describe.runIf(isMet(...NEEDS))('a container that runs on btrfs', () => {
  const images = (...path: readonly string[]) => join(storage, `images/${VMID}`, ...path);
  const volumes = [`subvol-${VMID}-disk-0.subvol`, `subvol-${VMID}-disk-1.subvol`, `vm-${VMID}-disk-2`];

  beforeAll(async () => {
    await kept.make();
    directory = kept.path('');
    storage = join(directory, 'btrfs');
    makeImage('btrfs', `${storage}.image`);
    mountImage(`${storage}.image`, storage);
    mkdirSync(images(), { recursive: true });
    for (const volume of volumes) run('btrfs', 'subvolume', 'create', images(volume));
    const [rootfs, data, image] = volumes.map((volume) => images(volume)) as [string, string, string];
    writeFileSync(join(data, 'orders'), 'in the volume');
    makeImage('ext4', join(image, 'disk.raw'));
    mountImage(join(image, 'disk.raw'), join(directory, 'ext4'));
    const mounts = { '/srv/data': data, '/srv/image': join(directory, 'ext4') };
    container = new BusyboxContainer({ vmid: VMID, directory, rootfs, mounts });
    const methods = containerMethods({ lxcPath: container.lxcPath });
    access = methods.access({ vmid: VMID, type: 'lxc', configPath: '' }, 'snapshot', true);
  });
  beforeEach(() => container.start());
  afterEach(async () => {
    expect(await container.state()).toBe('running');
    expect(readdirSync(images())).toEqual(volumes);
    expect(usesOf(directory)).toHaveLength(4); // two file systems, each mounted from a loop device
    // What removed snapshots held comes back only after a commit, and the image is small.
    run('btrfs', 'filesystem', 'sync', storage);
  });
  afterAll(async () => {
    await container.remove();
    unmount(join(directory, 'ext4'));
    unmount(storage);
    await kept.remove();
  });

  async function contextWith(options: Partial<RecordedContextOptions> = {}) {
    const basic = { vmid: VMID, config: CONFIG, storage, storageType: 'btrfs', directory };
    return recordedContext({ ...basic, ...options });
  }

  testAccessContract(NEEDS, async () => ({
    access,
    phases: ['pre-stop', 'pre-restart', 'post-restart'],
    pauses: true,
    holds: ['', 'sbin/count', 'srv/data/orders', 'srv/image/count'],
    context: contextWith,
    state: async () => [await container.state(), readdirSync(images()), usesOf(directory)],
  }));

  testWith(NEEDS, 'is frozen while snapshots of several volumes are made', async () => {
    const states: string[] = [];
    const { context, events } = await contextWith({
      async onPhase(name) {
        states.push(`${name}: ${await container.state()}, ${readdirSync(images()).length} subvolumes`);
      },
    });
    const prepared = await access.prepare(context);
    expect(events.splice(0)).toEqual([
      "INFO: including mount point rootfs ('/') in backup",
      "INFO: including mount point mp0 ('/srv/data') in backup",
      "INFO: including mount point mp1 ('/srv/image') in backup",
    ]);
    const data = asTree(await prepared.open());
    expect(states).toEqual([
      ...['pre-stop: running, 3 subvolumes', 'pre-restart: frozen, 6 subvolumes'],
      'post-restart: running, 6 subvolumes',
    ]);
    expect(data).toMatchObject({ tree: { sources: ['', 'srv/data', 'srv/image'] }, isCopy: false });
    expect(countSpread(data.tree.root, ['srv/data', 'srv/image'])).toBeLessThanOrEqual(1);
    const paths = await pathsIn(data);
    for (const path of ['sbin/count', 'srv/data/orders', 'srv/image/count']) expect(paths).toContain(path);
    await prepared.release();
    expect(events).toEqual([
      ...['HOOK: pre-stop', 'INFO: suspend vm to make snapshot', MADE],
      ...['HOOK: pre-restart', 'INFO: resume vm', 'HOOK: post-restart', ONLINE, REMOVED],
    ]);
  });

  testWith(
    NEEDS,
    'goes on running when it has a single volume, which is read where its snapshot is',
    async () => {
      const { context, events } = await contextWith({ config: ROOTFS });
      const prepared = await access.prepare(context);
      const data = asTree(await prepared.open());
      expect(data.tree.root).toBe(images(`${volumes[0]}@vzdump`));
      expect(await pathsIn(data)).toContain('sbin/count');
      expect(() => writeFileSync(join(data.tree.root, 'new'), '')).toThrow('EROFS');
      await prepared.release();
      expect(events.slice(1)).toEqual([
        ...['HOOK: pre-stop', MADE, 'HOOK: pre-restart', 'HOOK: post-restart', REMOVED],
      ]);
    },
  );

  testWith(NEEDS, 'may have snapshots of a backup that was killed', async () => {
    for (const volume of volumes.slice(0, 2)) {
      run('btrfs', 'subvolume', 'snapshot', images(volume), images(`${volume}@vzdump`));
    }
    writeFileSync(images(`${volumes[0]}@vzdump`, 'old'), '');
    const { context, events } = await contextWith();
    const prepared = await access.prepare(context);
    const data = asTree(await prepared.open());
    expect(existsSync(join(data.tree.root, 'old'))).toBe(false);
    await prepared.release();
    expect(events.slice(3, 5)).toEqual(['INFO: found old vzdump snapshot (force removal)', 'HOOK: pre-stop']);
  });

  const failures: readonly [AccessPhase, readonly string[]][] = [
    ['pre-stop', []],
    ['pre-restart', ['INFO: resume vm', 'HOOK: post-restart', ONLINE, REMOVED]],
    ['post-restart', [REMOVED]],
  ];
  for (const [phase, afterwards] of failures) {
    testWith(NEEDS, `keeps no snapshot, and runs, when the hook script fails at ${phase}`, async () => {
      const { context, events } = await contextWith({
        onPhase: (name) => {
          if (name === phase) throw new Error('the script has failed');
        },
      });
      const prepared = await access.prepare(context);
      await expect(prepared.open()).rejects.toThrow('the script has failed');
      await prepared.release();
      expect(events.slice(events.indexOf(`HOOK: ${phase}`) + 1)).toEqual(afterwards);
    });
  }

  testWith(NEEDS, 'keeps no snapshot when one of them cannot be made', async () => {
    const inTheWay = images(`${volumes[1]}@vzdump`);
    const { context, events } = await contextWith({ onPhase: (name) => blockSecond(name, inTheWay) });
    const prepared = await access.prepare(context);
    await expect(prepared.open()).rejects.toMatchObject({ code: 'PROGRAM_FAILED' });
    expect(await container.state()).toBe('frozen');
    await prepared.release();
    rmSync(inTheWay);
    expect(events.slice(6)).toEqual([
      ...['HOOK: pre-restart', 'INFO: resume vm', 'HOOK: post-restart', ONLINE, REMOVED],
      expect.stringMatching(/^WARN: command 'btrfs subvolume delete .*disk-1.subvol@vzdump' failed/),
    ]);
  });

  testWith(NEEDS, 'keeps no snapshot after an abort', async () => {
    const { context, controller } = await contextWith({
      onPhase: (name) => {
        if (name === 'post-restart') controller.abort(new Error('enough'));
      },
    });
    const prepared = await access.prepare(context);
    await expect(prepared.open()).rejects.toThrow('enough');
    await prepared.release();
  });

  testWith(NEEDS, 'has no snapshots of what is no subvolume', async () => {
    const plain = `mp2: local:${VMID}/plain.subvol,mp=/srv/plain,backup=1\n`;
    mkdirSync(images('plain.subvol'));
    const { context } = await contextWith({ config: CONFIG + plain });
    await expect(access.prepare(context)).rejects.toMatchObject({
      code: 'MODE_UNSUPPORTED',
      message: 'mode failure - some volumes do not support snapshots',
    });
    rmSync(images('plain.subvol'), { recursive: true });
  });
});

/** A file where the second snapshot is to be. */
function blockSecond(phase: AccessPhase, path: string): void {
  if (phase === 'pre-stop') writeFileSync(path, '');
}
