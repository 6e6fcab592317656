import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { runTool, testWith } from '@vzdump-format/testing';
import { describe, expect, onTestFinished, vi } from 'vitest';
import { type DumpSample, dumpSample, timelessLog } from '../support/dump-sample.js';
import { type LxcContainer, startContainer } from '../support/lxc-container.js';
import { nameIn } from '../support/partial-files.js';
import { linesOf, type RunningCli, runCliWell } from '../support/running-cli.js';

const VMID = 941;
const VOLUMES = [`${VMID}/subvol-${VMID}-disk-0.subvol`, `${VMID}/subvol-${VMID}-disk-1.subvol`] as const;
const CONFIG = `hostname: busy
mp0: local:${VOLUMES[1]},mp=/srv/data,backup=1,size=0T
rootfs: local:${VOLUMES[0]},size=0T
`;

interface RunningGuest {
  readonly sample: DumpSample;
  readonly container: LxcContainer;
  /** Of dump, for this container; the hook script says at each step whether it runs. */
  readonly args: readonly string[];
}

/** A container with two volumes that runs; they are directories, or subvolumes on btrfs. */
async function runningGuest(storage: 'dir' | 'btrfs' = 'dir'): Promise<RunningGuest> {
  const sample = await dumpSample();
  const images = sample.path(`storage/images`);
  if (storage === 'btrfs') await mountBtrfs(sample, images);
  for (const volume of VOLUMES) {
    mkdirSync(`${images}/${VMID}`, { recursive: true });
    if (storage === 'btrfs') await runTool('btrfs', 'subvolume', 'create', `${images}/${volume}`);
    else mkdirSync(`${images}/${volume}`);
  }
  const [rootfs, data] = VOLUMES.map((volume) => `${images}/${volume}`) as [string, string];
  writeFileSync(`${data}/orders`, 'in the volume');
  const container = await startContainer(VMID, sample.path(''), rootfs, { '/srv/data': data });
  await nameIn(rootfs, /^started$/);
  await sample.write(`pve/lxc/${VMID}.conf`, CONFIG);
  const info = `/usr/bin/lxc-info -P ${container.lxcPath} -n ${VMID} -s -H`;
  await sample.write('hook', `#!/bin/sh\ncase $1 in job*) ;; *) echo "$1 $2: $(${info})" ;; esac\n`, 0o755);
  const args = [String(VMID), '--lxc-path', container.lxcPath, '--script', sample.path('hook')];
  return { sample, container, args };
}

/** Of a container that does not run. */
async function stoppedArchive(sample: DumpSample): Promise<string> {
  expect((await sample.dump(['101', '--dumpdir', sample.path('storage/archive')])).status).toBe(0);
  return sample.archive('.tar', 'storage/archive');
}

/** A file system of btrfs in place of a directory, until the test is over. */
async function mountBtrfs({ path }: DumpSample, directory: string): Promise<void> {
  writeFileSync(path('btrfs'), '');
  truncateSync(path('btrfs'), 256 << 20);
  await runTool('mkfs.btrfs', '-q', path('btrfs'));
  await runTool('mount', '-o', 'loop', path('btrfs'), directory);
  onTestFinished(async () => {
    await runTool('umount', directory);
  });
}

function logWithoutTimes(stderr: string, sample: DumpSample): string[] {
  return timelessLog(stderr, sample).map((line) =>
    line
      .replace(/\/proc\/\d+\/root/, '/proc/PID/root')
      .replace(/vzdumptmp\d+_/, 'vzdumptmpPID_')
      .replace(/after (<1|\d+) seconds/, 'after N seconds')
      .replace(/transferred .* in \d+s/, 'transferred SIZE in Ns')
      .replace(/(written|size): [\d.]+.*/, '$1: SIZE'),
  );
}

const BEGIN = [
  `INFO: Starting Backup of VM ${VMID} (lxc)`,
  'INFO: Backup started at TIME',
  'INFO: status = running',
];
const SELECTED = [
  'INFO: CT Name: busy',
  "INFO: including mount point rootfs ('/') in backup",
  "INFO: including mount point mp0 ('/srv/data') in backup",
];
const CREATING = `INFO: creating vzdump archive '/sample/storage/dump/vzdump-lxc-${VMID}-STAMP.tar'`;
const WRITTEN = ['INFO: Total bytes written: SIZE', 'INFO: archive file size: SIZE'];
const PRUNED = ['INFO: prune older backups with retention: keep-last=3', 'INFO: pruned 0 backup(s)'];
const END = [`INFO: Finished Backup of VM ${VMID} (HH:MM:SS)`, 'INFO: Backup finished at TIME'];
const LAST = 'INFO: Backup job finished successfully';
const ONLINE = 'INFO: guest is online again after N seconds';
const mode = (name: string) => [`INFO: backup mode: ${name}`, 'INFO: ionice priority: 7'];
const hook = (phase: string, state: string) => `INFO: ${phase}: ${state}`;

async function expectFiles(sample: DumpSample): Promise<void> {
  const archive = sample.archive('.tar');
  await runCliWell(['verify', archive]);
  expect((await runCliWell(['cat', archive, 'started'])).toString()).toBe('yes\n');
  expect((await runCliWell(['cat', archive, 'srv/data/orders'])).toString()).toBe('in the volume');
  const paths = linesOf(await runTool('tar', 'tf', archive));
  expect(paths.filter((path) => path === './srv/data/orders')).toHaveLength(1);
}

describe('a container that runs', () => {
  testWith(
    ['root', 'lxc'],
    'is neither read as if it were stopped nor replaced, whatever LXC path is given',
    async () => {
      const { sample, container, args } = await runningGuest();
      const archive = await stoppedArchive(sample);
      for (const path of [[], ['--lxc-path', sample.path('none')]]) {
        const dumped = await sample.dump([String(VMID), ...path]);
        expect(dumped.stderr).toContain(
          `container ${VMID} runs under another LXC path: ${container.lxcPath}\n`,
        );
        expect(dumped.stderr).not.toContain('status = stopped');
        const restored = await sample.restore([archive, String(VMID), '--force', ...path]);
        expect(restored.stderr).toContain(`runs under another LXC path: ${container.lxcPath}\n`);
        expect([dumped.status, restored.status]).toEqual([1, 1]);
      }
      const restored = await sample.restore([archive, String(VMID), '--force', ...args.slice(1, 3)]);
      expect(restored.stderr).toContain(`unable to restore CT ${VMID} - container is running\n`);
      expect(await sample.read(`storage/images/${VOLUMES[1]}/orders`)).toBe('in the volume');
      expect(await container.state()).toBe('RUNNING');
    },
  );

  testWith(['root', 'lxc'], 'is stopped and started again', async () => {
    const { sample, container, args } = await runningGuest();
    const { status, stderr } = await sample.dump([...args, '--mode', 'stop']);
    expect(logWithoutTimes(stderr, sample).slice(1)).toEqual([
      ...[...BEGIN, ...mode('stop'), ...SELECTED, hook('backup-start stop', 'RUNNING')],
      ...['INFO: stopping virtual guest', hook('pre-stop stop', 'RUNNING'), CREATING, ...WRITTEN, ...PRUNED],
      ...[hook('backup-end stop', 'STOPPED'), hook('pre-restart stop', 'STOPPED')],
      ...['INFO: restarting vm', hook('post-restart stop', 'RUNNING'), ONLINE],
      ...[...END, hook('log-end stop', 'RUNNING'), LAST],
    ]);
    expect([status, await container.state()]).toEqual([0, 'RUNNING']);
    await expectFiles(sample);
  });

  testWith(['root', 'lxc', 'rsync'], 'is copied, frozen for the second copy', async () => {
    const { sample, container, args } = await runningGuest();
    mkdirSync(sample.path('tmp'));
    const { status, stderr } = await sample.dump([
      ...args,
      '--mode',
      'suspend',
      '--tmpdir',
      sample.path('tmp'),
    ]);
    const sync = (pass: string) => [
      `INFO: starting ${pass} sync /proc/PID/root/ to /sample/tmp/vzdumptmpPID_${VMID}/root`,
      `INFO: ${pass} sync finished - transferred SIZE in Ns`,
    ];
    expect(logWithoutTimes(stderr, sample).slice(1)).toEqual([
      ...[...BEGIN, ...mode('suspend'), ...SELECTED, hook('backup-start suspend', 'RUNNING')],
      ...[...sync('first'), 'INFO: suspending guest', hook('pre-stop suspend', 'RUNNING'), ...sync('final')],
      ...[hook('pre-restart suspend', 'FROZEN'), 'INFO: resuming guest'],
      ...[hook('post-restart suspend', 'RUNNING'), ONLINE, CREATING, ...WRITTEN, ...PRUNED],
      ...[hook('backup-end suspend', 'RUNNING'), ...END, hook('log-end suspend', 'RUNNING'), LAST],
    ]);
    expect([status, await container.state(), sample.names('tmp')]).toEqual([0, 'RUNNING', []]);
    await expectFiles(sample);
  });

  testWith(['root', 'lxc', 'btrfs'], 'is read from snapshots', async () => {
    const { sample, container, args } = await runningGuest('btrfs');
    const { status, stderr } = await sample.dump(args);
    expect(logWithoutTimes(stderr, sample).slice(1)).toEqual([
      ...[...BEGIN, ...SELECTED, ...mode('snapshot'), hook('backup-start snapshot', 'RUNNING')],
      ...[hook('pre-stop snapshot', 'RUNNING'), 'INFO: suspend vm to make snapshot'],
      ...[
        "INFO: create storage snapshot 'vzdump'",
        hook('pre-restart snapshot', 'FROZEN'),
        'INFO: resume vm',
      ],
      ...[hook('post-restart snapshot', 'RUNNING'), ONLINE, CREATING, ...WRITTEN, ...PRUNED],
      ...[hook('backup-end snapshot', 'RUNNING'), "INFO: cleanup temporary 'vzdump' snapshot", ...END],
      ...[hook('log-end snapshot', 'RUNNING'), LAST],
    ]);
    expect([status, await container.state()]).toEqual([0, 'RUNNING']);
    expect(sample.names(`storage/images/${VMID}`)).toHaveLength(2);
    await expectFiles(sample);
  });

  testWith(['root', 'lxc', 'rsync'], 'where there are no snapshots, it is copied', async () => {
    const { sample, container, args } = await runningGuest();
    const { status, stderr } = await sample.dump([...args, '--mode', 'snapshot']);
    expect(logWithoutTimes(stderr, sample).slice(1, 13)).toEqual([
      ...[...BEGIN, ...SELECTED, 'INFO: mode failure - some volumes do not support snapshots'],
      ...["INFO: trying 'suspend' mode instead", ...mode('suspend'), ...SELECTED.slice(0, 2)],
    ]);
    expect(stderr).toContain('INFO: backup-end suspend: RUNNING\n');
    expect([status, await container.state()]).toEqual([0, 'RUNNING']);
    await expectFiles(sample);
  });
});

describe('a container that was running runs again', () => {
  /** A backup so slow that the container is stopped for minutes. @returns when the archive has been begun */
  async function stoppedForLong({ sample, container, args }: RunningGuest): Promise<RunningCli> {
    const running = sample.start([...args, '--mode', 'stop', '--bwlimit', '64']);
    await nameIn(sample.path('storage/dump'), /\.dat$/);
    expect(await container.state()).toBe('STOPPED');
    return running;
  }

  testWith(['root', 'lxc'], 'after SIGTERM', async () => {
    const guest = await runningGuest();
    const running = await stoppedForLong(guest);
    running.child.kill('SIGTERM');
    const { status, stderr } = await running.ended;
    expect([status, await guest.container.state()]).toEqual([143, 'RUNNING']);
    expect(stderr).toContain('INFO: restarting vm\n');
    expect(await guest.sample.read(`pve/lxc/${VMID}.conf`)).toBe(CONFIG);
    expect(guest.sample.names().filter((name) => !name.endsWith('.log'))).toEqual([]);
  });

  testWith(['root', 'lxc'], 'after SIGKILL, and the next backup puts the rest right', async () => {
    const guest = await runningGuest();
    const { sample, container, args } = guest;
    const running = await stoppedForLong(guest);
    running.child.kill('SIGKILL');
    await running.ended;
    await vi.waitFor(async () => expect(await container.state()).toBe('RUNNING'), { timeout: 20_000 });
    const { status, stderr } = await sample.dump([...args, '--mode', 'stop']);
    expect(stderr).toContain('INFO: cleared what a backup that was killed has left: ');
    expect([status, await container.state()]).toEqual([0, 'RUNNING']);
    expect(sample.names().filter((name) => !/\.(log|tar)$/.test(name))).toEqual([]);
    expect(await sample.read(`pve/lxc/${VMID}.conf`)).toBe(CONFIG);
    await expectFiles(sample);
  });

  testWith(['root', 'lxc'], 'when its hook script objects to the stop, or to the archive', async () => {
    const { sample, container, args } = await runningGuest();
    for (const phase of ['pre-stop', 'backup-end']) {
      await sample.write('hook', `#!/bin/sh\n[ "$1" != ${phase} ]\n`, 0o755);
      const { status, stderr } = await sample.dump([...args, '--mode', 'stop']);
      expect(stderr).toMatch(
        new RegExp(`failed - command '.*hook ${phase} stop ${VMID}' failed: exit code 1`),
      );
      expect([status, await container.state()]).toEqual([1, 'RUNNING']);
    }
  });
});
