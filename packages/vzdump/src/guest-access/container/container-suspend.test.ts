import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { DirectoryTree } from '@vzdump-format/file-tree';
import { isMet, keptScratch, testWith } from '@vzdump-format/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, onTestFinished } from 'vitest';
import type { AccessPhase, GuestAccess } from '../guest-access.js';
import { testAccessContract } from '../testing/access-contract.js';
import { BusyboxContainer, countSpread } from '../testing/busybox-container.js';
import { run, unmount, usesLeft } from '../testing/file-systems.js';
import { asTree, pathsIn } from '../testing/read-tree.js';
import { type RecordedContextOptions, recordedContext } from '../testing/recorded-context.js';
import { containerMethods } from './container-methods.js';

const VMID = 932;
const CONFIG = `rootfs: local:${VMID}/subvol-${VMID}-disk-0.subvol,size=0T
mp0: local:${VMID}/subvol-${VMID}-disk-1.subvol,mp=/srv/data,backup=1,size=0T
mp1: local:${VMID}/subvol-${VMID}-disk-2.subvol,mp=/var/cache,size=0T
`;
const NEEDS = ['lxc', 'rsync', 'root'] as const;
const ONLINE = /^INFO: guest is online again after (<1|\d+) seconds$/;
const PHASES: readonly AccessPhase[] = ['pre-stop', 'pre-restart', 'post-restart'];

/**
 * Maps a file into memory, and changes a byte there once, so that the file's time changes no more with the
 * next ones.
 */
async function writeThroughMemory(path: string): Promise<(text: string) => Promise<void>> {
  const source = `#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
int main(int count, char **arguments) {
  char *bytes = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, open(arguments[1], O_RDWR), 0);
  bytes[0] = bytes[0];
  do puts("written"), fflush(stdout); while (scanf("%6c", bytes) == 1);
}`;
  const program = join(directory, 'write-through-memory');
  execFileSync('gcc', ['-x', 'c', '-o', program, '-'], { input: source });
  const writer = spawn(program, [path], { stdio: ['pipe', 'pipe', 'inherit'] });
  afterAll(() => void writer.kill());
  await once(writer.stdout, 'data');
  return async (text) => {
    writer.stdin.write(text);
    await once(writer.stdout, 'data');
  };
}

const kept = keptScratch();
let directory: string;
let container: BusyboxContainer;
let access: GuestAccess;
let mapped: (text: string) => Promise<void>;

describe.runIf(isMet(...NEEDS))('a container that runs', () => {
  const volume = (number: number, path = '') =>
    join(directory, `images/${VMID}/subvol-${VMID}-disk-${number}.subvol`, path);

  beforeAll(async () => {
    await kept.make();
    directory = kept.path('');
    for (const number of [0, 1, 2]) mkdirSync(volume(number), { recursive: true });
    mkdirSync(volume(0, 'tmp/build'), { recursive: true });
    writeFileSync(volume(0, 'tmp/build/object'), 'left out');
    writeFileSync(volume(1, 'orders'), 'in the volume');
    execFileSync('setfattr', ['-n', 'user.kept', '-v', 'yes', volume(1, 'orders')]);
    writeFileSync(volume(2, 'cached'), 'not in the backup');
    const mounts = { '/srv/data': volume(1), '/var/cache': volume(2) };
    container = new BusyboxContainer({ vmid: VMID, directory, rootfs: volume(0), mounts });
    const methods = containerMethods({ lxcPath: container.lxcPath });
    access = methods.access({ vmid: VMID, type: 'lxc', configPath: '' }, 'suspend', true);
    writeFileSync(volume(1, 'mapped'), 'before');
    mapped = await writeThroughMemory(volume(1, 'mapped'));
  });
  beforeEach(() => container.start());
  afterEach(async () => expect(await container.state()).toBe('running'));
  afterAll(async () => {
    await container.remove();
    await kept.remove();
  });

  const contextWith = (options: Partial<RecordedContextOptions> = {}) =>
    recordedContext({ vmid: VMID, config: CONFIG, storage: directory, directory, ...options });

  testAccessContract(NEEDS, async () => ({
    access,
    phases: PHASES,
    pauses: true,
    holds: ['', 'sbin/count', 'srv/data/orders'],
    context: contextWith,
    state: async () => [await container.state(), usesLeft(directory)],
  }));

  testWith(NEEDS, 'is copied while it runs, frozen, and copied once more', async () => {
    const states: string[] = [];
    const { context, events } = await contextWith({
      excludePatterns: ['/tmp/?*', '/var/tmp/?*'],
      async onPhase(name) {
        states.push(`${name}: ${await container.state()}`);
      },
    });
    const prepared = await access.prepare(context);
    events.length = 0;
    const data = asTree(await prepared.open());
    expect(states).toEqual(['pre-stop: running', 'pre-restart: frozen', 'post-restart: running']);
    const target = join(context.temporaryDirectory, 'root');
    const pid = execFileSync('lxc-info', ['-P', container.lxcPath, '-n', String(VMID), '-pH'], {
      encoding: 'utf8',
    }).trim();
    const synced = (which: string) =>
      expect.stringMatching(
        new RegExp(`^INFO: ${which} sync finished - transferred [\\d.]+[KMG]? bytes in \\d+s$`),
      );
    expect(events).toEqual([
      `INFO: starting first sync /proc/${pid}/root/ to ${target}`,
      ...[synced('first'), 'INFO: suspending guest', 'HOOK: pre-stop'],
      `INFO: starting final sync /proc/${pid}/root/ to ${target}`,
      ...[synced('final'), 'HOOK: pre-restart', 'INFO: resuming guest', 'HOOK: post-restart'],
      expect.stringMatching(ONLINE),
    ]);
    expect(data).toEqual({ kind: 'tree', tree: new DirectoryTree(target), isCopy: true });
    const paths = await pathsIn(data);
    for (const path of ['sbin/count', 'srv/data/orders', 'tmp', 'proc']) expect(paths).toContain(path);
    for (const path of ['tmp/build', 'var/cache', 'proc/1']) expect(paths).not.toContain(path);
    expect(run('getfattr', '--only-values', '-n', 'user.kept', join(target, 'srv/data/orders'))).toBe('yes');
    expect(statSync(target).mode).toBe(statSync(volume(0)).mode);
    expect(readdirSync(context.temporaryDirectory)).toEqual(['root']);
    await prepared.release();
    expect(events.slice(10)).toEqual([]);
  });

  testWith(NEEDS, 'the copy is of the moment at which it is frozen, though it never pauses', async () => {
    let counted = 0;
    const { context } = await contextWith({
      onPhase(name) {
        if (name === 'pre-restart') counted = Number(readFileSync(volume(0, 'count'), 'utf8'));
      },
    });
    const prepared = await access.prepare(context);
    const { root } = asTree(await prepared.open()).tree;
    await prepared.release();
    expect(countSpread(root, ['/srv/data'])).toBeLessThanOrEqual(1);
    expect(Number(readFileSync(join(root, 'count'), 'utf8'))).toBe(counted);
  });

  testWith(NEEDS, 'what is rewritten with the same size and time is copied again', async () => {
    const time = new Date('2026-01-01T12:00:00Z');
    const names = ['same-second', 'set-back'];
    for (const name of names) writeFileSync(volume(1, name), 'before');
    utimesSync(volume(1, 'set-back'), time, time);
    const { context } = await contextWith({
      onPhase(phase) {
        if (phase !== 'pre-stop') return;
        for (const name of names) writeFileSync(volume(1, name), 'after!');
        utimesSync(volume(1, 'set-back'), time, time);
      },
    });
    const prepared = await access.prepare(context);
    const { root } = asTree(await prepared.open()).tree;
    await prepared.release();
    const copied = names.map((name) => readFileSync(join(root, 'srv/data', name), 'utf8'));
    expect(copied).toEqual(['after!', 'after!']);
    expect(statSync(join(root, 'srv/data/set-back')).mtime).toEqual(time);
  });

  testWith(NEEDS, 'is thawed after an abort of the final sync', async () => {
    const { context, events, controller } = await contextWith();
    const aborted = new Error('enough');
    const log = {
      ...context.log,
      info(message: string) {
        context.log.info(message);
        if (message.startsWith('starting final sync')) setImmediate(() => controller.abort(aborted));
      },
    };
    const prepared = await access.prepare({ ...context, log });
    await expect(prepared.open()).rejects.toBe(aborted);
    expect(await container.state()).toBe('frozen');
    await prepared.release();
    expect(events.slice(-4)).toEqual([
      ...['HOOK: pre-restart', 'INFO: resuming guest', 'HOOK: post-restart'],
      expect.stringMatching(ONLINE),
    ]);
  });

  testWith(NEEDS, 'is not frozen for a copy that there is no space for', async () => {
    const { context, events } = await contextWith();
    run('mount', '-t', 'tmpfs', '-o', 'size=64k', 'small', context.temporaryDirectory);
    onTestFinished(() => unmount(context.temporaryDirectory));
    const prepared = await access.prepare(context);
    await expect(prepared.open()).rejects.toMatchObject({
      code: 'PROGRAM_FAILED',
      message: expect.stringMatching(/^command 'rsync .*exit code 11/),
    });
    await prepared.release();
    expect(events).toContainEqual(expect.stringMatching(/^ERROR: rsync: .*No space left on device/));
    expect(events.filter((event) => event.startsWith('HOOK'))).toEqual([]);
  });

  testWith(NEEDS, 'stays frozen when it was', async () => {
    await container.lxc.freeze(VMID);
    const { context, events } = await contextWith();
    const prepared = await access.prepare(context);
    const data = asTree(await prepared.open());
    await prepared.release();
    expect(await container.state()).toBe('frozen');
    await container.lxc.thaw(VMID);
    expect(existsSync(join(data.tree.root, 'srv/data/orders'))).toBe(true);
    expect(events).toContain('WARN: guest is frozen already, and stays so');
    expect(events).not.toContainEqual(expect.stringMatching(ONLINE));
  });

  testWith(NEEDS, 'what is written through memory, which changes no time, is copied again', async () => {
    const { context } = await contextWith({
      onPhase: (name) => (name === 'pre-stop' ? mapped('after!') : undefined),
    });
    const prepared = await access.prepare(context);
    const { root } = asTree(await prepared.open()).tree;
    await prepared.release();
    expect(readFileSync(join(root, 'srv/data/mapped'), 'utf8')).toBe('after!');
  });

  testWith(NEEDS, 'cannot lead the copy to files of the host', async () => {
    const { context, events } = await contextWith({
      config: CONFIG.replace('/srv/data', '/linked/data'),
    });
    rmSync(volume(0, 'linked'), { force: true });
    execFileSync('ln', ['-s', directory, volume(0, 'linked')]);
    mkdirSync(join(directory, 'data'), { recursive: true });
    const prepared = await access.prepare(context);
    await expect(prepared.open()).rejects.toMatchObject({ code: 'MOUNT_POINT' });
    await prepared.release();
    expect(events).not.toContainEqual(expect.stringContaining('sync'));
  });
});
