import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { testWith, useTemporaryDirectory } from '@vzdump-format/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { makeImage, mountImage, run, unmount, usesLeft, usesOf } from '../testing/file-systems.js';
import { asTree, pathsIn } from '../testing/read-tree.js';
import { type RecordedContextOptions, recordedContext } from '../testing/recorded-context.js';
import { containerStop } from './container-methods.js';
import { Lxc } from './lxc.js';

const VMID = 934;
const ROOTFS = `rootfs: local:${VMID}/subvol-${VMID}-disk-0.subvol\n`;
const DATA = `mp0: local:${VMID}/subvol-${VMID}-disk-1.subvol,mp=/srv/data,backup=1\n`;

const temporary = useTemporaryDirectory();
let directory: string;

beforeEach(() => {
  directory = temporary();
  mkdirSync(images(`subvol-${VMID}-disk-0.subvol/srv/data`), { recursive: true });
  mkdirSync(images(`subvol-${VMID}-disk-1.subvol`), { recursive: true });
  writeFileSync(images(`subvol-${VMID}-disk-0.subvol/hidden`), '');
  writeFileSync(images(`subvol-${VMID}-disk-0.subvol/srv/data/under`), '');
  writeFileSync(images(`subvol-${VMID}-disk-1.subvol/orders`), '');
});

afterEach(() => expect(usesLeft(directory)).toEqual([]));

const images = (path: string) => join(directory, `images/${VMID}`, path);

/** A container that does not run, which there need not be at all. */
async function preparedGuest(config: string, options: Partial<RecordedContextOptions> = {}) {
  const basic = { vmid: VMID, config, storage: directory, directory, isRunning: false };
  const { context, events } = await recordedContext({ ...basic, ...options });
  return { prepared: await containerStop(new Lxc()).prepare(context), context, events };
}

test('a single directory is read where it is', async () => {
  const { prepared, events } = await preparedGuest(ROOTFS);
  const data = asTree(await prepared.open());
  expect(data.tree.root).toBe(images(`subvol-${VMID}-disk-0.subvol`));
  expect(await pathsIn(data)).toEqual(['', 'hidden', 'srv', 'srv/data', 'srv/data/under']);
  await prepared.release();
  expect(events).toEqual(["INFO: including mount point rootfs ('/') in backup"]);
});

testWith(['root'], 'directories on one file system are in the tree once', async () => {
  const { prepared, events } = await preparedGuest(ROOTFS + DATA);
  const data = asTree(await prepared.open());
  expect(await pathsIn(data)).toEqual(['', 'hidden', 'srv', 'srv/data', 'srv/data/orders']);
  expect(existsSync(images(`subvol-${VMID}-disk-0.subvol/srv/data/orders`))).toBe(false);
  expect(usesLeft(directory)).toEqual([]);
  await prepared.release();
  expect(() => readFileSync(join(data.tree.root, 'hidden'))).toThrow('ENOENT');
  expect(events.slice(2)).toEqual([]);
});

testWith(['root'], 'a temporary directory that a link leads to', async () => {
  makeImage('ext4', images('rootfs.raw'));
  symlinkSync(directory, join(directory, 'link'));
  const config = `rootfs: local:${VMID}/rootfs.raw,size=32M\n`;
  const { prepared } = await preparedGuest(config, { temporaryDirectory: join(directory, 'link/images') });
  expect(await pathsIn(await prepared.open())).toEqual(['', 'lost+found']);
  await prepared.release();
});

testWith(['root'], 'a tree of images is mounted to be read, where nobody else sees it', async () => {
  makeImage('ext4', images('rootfs.raw'));
  makeImage('ext4', images('data.raw'));
  mountImage(images('rootfs.raw'), join(directory, 'mounted'));
  mkdirSync(join(directory, 'mounted/srv/data/sub'), { recursive: true });
  unmount(join(directory, 'mounted'));
  const before = digest(images('rootfs.raw'));
  const config = `rootfs: local:${VMID}/rootfs.raw,size=32M\nmp5: ${images('data.raw')},mp=/srv/data,backup=1\n`;
  // an absolute path is a directory of the host to Proxmox VE, so it is not in the backup
  const more = `mp6: local:${VMID}/data.raw,mp=/srv/data,backup=1\n${DATA.replace('/srv/data', '/srv/data/sub').replace('mp0', 'mp7')}`;
  mountImage(images('data.raw'), join(directory, 'mounted'));
  mkdirSync(join(directory, 'mounted/sub'));
  unmount(join(directory, 'mounted'));
  const { prepared, events } = await preparedGuest(config + more);
  const data = asTree(await prepared.open());
  expect(data.tree.sources).toEqual(['', 'srv/data', 'srv/data/sub']);
  expect(await pathsIn(data)).toEqual([
    ...['', 'lost+found', 'srv', 'srv/data'],
    ...['srv/data', 'srv/data/lost+found', 'srv/data/sub'],
    ...['srv/data/sub', 'srv/data/sub/orders'],
  ]);
  expect(() => writeFileSync(join(data.tree.root, 'new'), '')).toThrow('EROFS');
  expect(readFileSync('/proc/self/mountinfo', 'latin1')).not.toContain(directory);
  await prepared.release();
  expect(events).toContain("INFO: excluding bind mount point mp5 ('/srv/data') from backup (not a volume)");
  expect(digest(images('rootfs.raw'))).toBe(before);
});

testWith(['root'], 'what is in a journal that was not replayed is missing, which is told', async () => {
  makeImage('ext4', join(directory, 'original'));
  mountImage(join(directory, 'original'), join(directory, 'mounted'));
  writeFileSync(join(directory, 'mounted/file'), '');
  run('sync', '--file-system', join(directory, 'mounted'));
  copyFileSync(join(directory, 'original'), images('crashed.raw'));
  unmount(join(directory, 'mounted'));
  const before = digest(images('crashed.raw'));
  const { prepared, events } = await preparedGuest(`rootfs: local:${VMID}/crashed.raw,size=32M\n`);
  await prepared.open();
  await prepared.release();
  expect(events.slice(1)).toEqual([
    `WARN: ${images('crashed.raw')} was not unmounted in order: what is only in its journal is not in the backup`,
  ]);
  expect(digest(images('crashed.raw'))).toBe(before);
});

testWith(['root', 'xfs'], 'a copy of a file system that is mounted can be mounted too', async () => {
  makeImage('xfs', join(directory, 'original'));
  mountImage(join(directory, 'original'), join(directory, 'mounted'));
  unmount(join(directory, 'mounted'));
  run('cp', '--sparse=always', join(directory, 'original'), images('copy.raw'));
  mountImage(join(directory, 'original'), join(directory, 'mounted'));
  const { prepared } = await preparedGuest(`rootfs: local:${VMID}/copy.raw,size=320M\n`);
  expect(await pathsIn(await prepared.open())).toEqual(['']);
  await prepared.release();
  unmount(join(directory, 'mounted'));
});

testWith(['root'], 'what is no file system fails with the reason of mount, and nothing stays', async () => {
  writeFileSync(images('empty.raw'), Buffer.alloc(1 << 20));
  const { prepared } = await preparedGuest(`rootfs: local:${VMID}/empty.raw,size=1M\n`);
  await expect(prepared.open()).rejects.toMatchObject({
    code: 'PROGRAM_FAILED',
    message: expect.stringMatching(/^command 'nsenter .*failed: exit code 32 - mount: .*wrong fs type/),
  });
  await prepared.release();
});

testWith(['root'], 'a link in the container leads a mount nowhere', async () => {
  rmSync(images(`subvol-${VMID}-disk-0.subvol/srv`), { recursive: true });
  symlinkSync('/usr', images(`subvol-${VMID}-disk-0.subvol/srv`));
  const { prepared } = await preparedGuest(ROOTFS + DATA.replace('/srv/data', '/srv/bin'));
  await expect(prepared.open()).rejects.toMatchObject({
    code: 'MOUNT_POINT',
    message: '/srv in the container is not a directory',
  });
  await prepared.release();
});

testWith(['root'], 'a directory to mount a volume at has to be there', async () => {
  const { prepared } = await preparedGuest(ROOTFS + DATA.replace('/srv/data', '/srv/other'));
  await expect(prepared.open()).rejects.toMatchObject({
    code: 'MOUNT_POINT',
    message: '/srv/other in the container is not there',
    hint: 'a volume is to be mounted at /srv/other',
  });
  await prepared.release();
});

test('a volume that is missing, or cannot be mounted, is told of before anything happens', async () => {
  writeFileSync(images('disk.qcow2'), '');
  await expect(preparedGuest(`rootfs: local:${VMID}/none.raw\n`)).rejects.toMatchObject({
    code: 'VOLUME_MISSING',
    message: expect.stringContaining(`volume 'local:${VMID}/none.raw' of rootfs is not there`),
  });
  await expect(preparedGuest(`rootfs: local:${VMID}/disk.qcow2\n`)).rejects.toMatchObject({
    code: 'VOLUME_FORMAT',
    message: expect.stringContaining('is a qcow2 image, which cannot be mounted'),
  });
  await expect(preparedGuest(DATA)).rejects.toThrow('the container has no rootfs');
});

testWith(['root'], 'nothing stays mounted when the process is killed', async () => {
  makeImage('ext4', images('rootfs.raw'));
  const modules = new URL('../../../dist/guest-access/', import.meta.url).href;
  const program = `
    import { mountedVolumes } from '${modules}container/mounted-volumes.js';
    import { UndoStack } from '${modules}guest-access.js';
    const content = { kind: 'image', path: ${JSON.stringify(images('rootfs.raw'))}, isSpare: false };
    const context = { temporaryDirectory: ${JSON.stringify(directory)}, log: () => {} };
    await mountedVolumes([{ mountPoint: { path: '/' }, content }], context, new UndoStack());
    process.stdout.write('mounted');
    setInterval(() => {}, 1000);`;
  const child = execFile(process.execPath, ['--input-type=module', '-e', program]);
  const [said] = await Promise.race([once(child.stdout!, 'data'), once(child.stderr!, 'data')]);
  expect(said).toBe('mounted');
  expect(usesOf(directory)).toEqual([images('rootfs.raw')]);
  child.kill('SIGKILL');
  expect(usesLeft(directory)).toEqual([]);
});

function digest(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}
