import { spawn } from 'node:child_process';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DirectoryTree } from '@vzdump-format/file-tree';
import { ArchiveError } from '@vzdump-format/streams';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { BackupMode, GuestAccess, GuestContext, GuestMethods } from '../../guest-access/guest-access.js';
import { vmMethods } from '../../guest-access/vm-methods.js';
import { type SampleDump, sampleDump, timeless } from '../testing/sample-dump.js';

interface Behaviour {
  readonly isRunning?: boolean;
  /** What goes wrong in which mode: of `prepare`, or of `open`. */
  readonly failing?: Partial<Record<`${'prepare' | 'open'} ${BackupMode}`, ArchiveError>>;
  /** Told each call. */
  readonly onCall?: (call: string) => void;
}

/** A container whose files are those of a directory, and which says what is done to it. */
function containerOf(root: string, { isRunning = true, failing = {}, onCall }: Behaviour = {}): GuestMethods {
  const access = (mode: BackupMode): GuestAccess => ({
    mode,
    async prepare(context) {
      onCall?.(`prepare ${mode}`);
      const failure = failing[`prepare ${mode}`];
      if (failure !== undefined) throw failure;
      return {
        async open() {
          onCall?.(`open ${mode}`);
          if (isRunning) await context.phase('pre-stop');
          const openFailure = failing[`open ${mode}`];
          if (openFailure !== undefined) throw openFailure;
          return { kind: 'tree', tree: new DirectoryTree(root), isCopy: false };
        },
        async release() {
          onCall?.(`release ${mode}`);
          if (isRunning) await runAgain(context);
        },
      };
    },
  });
  return {
    isRunning: async () => isRunning,
    access: (_guest, mode) => access(mode),
  };
}

async function runAgain(context: GuestContext): Promise<void> {
  for (const phase of ['pre-restart', 'post-restart'] as const) {
    await context.phase(phase).catch((error: Error) => context.log.warn(error.message));
  }
}

/** A hook script that writes its arguments to a file, and fails in some phases. */
async function hookScript(sample: SampleDump, failingPhases: readonly string[] = []) {
  const path = sample.path('hook');
  const failing = failingPhases.map((phase) => `[ "$1" = ${phase} ] && exit 1`);
  const lines = ['#!/bin/sh', `echo "$*" >> ${sample.path('calls')}`, ...failing, 'exit 0', ''];
  await writeFile(path, lines.join('\n'), { mode: 0o755 });
  return {
    script: path,
    calls: async () => (await readFile(sample.path('calls'), 'utf8')).trim().split('\n'),
  };
}

const MODE_FAILURE = new ArchiveError(
  'MODE_UNSUPPORTED',
  'mode failure - some volumes do not support snapshots',
);

/** Its files belong to whoever runs the tests, which is somebody to a container with privileges only. */
async function sampleTree(sample: SampleDump): Promise<string> {
  const config = sample.path('pve/lxc/101.conf');
  await writeFile(config, (await readFile(config, 'utf8')).replace('unprivileged: 1\n', ''));
  await mkdir(sample.path('root'));
  await writeFile(sample.path('root/file'), 'content');
  return sample.path('root');
}

test('a container: the log as vzdump has it', async () => {
  const sample = await sampleDump();
  const methods = { lxc: containerOf(await sampleTree(sample), { isRunning: false }) };
  const options = { vmids: [101], storage: 'local', compress: 'zstd', mode: 'suspend', methods };
  const { guests } = await sample.run({ ...options, 'exclude-path': ['/var/'] });
  expect(timeless(sample.log, sample.path(''))).toEqual([
    'INFO: starting new backup job: vzdump 101 --storage local --compress zstd --mode suspend --exclude-path /var/',
    'INFO: Starting Backup of VM 101 (lxc)',
    'INFO: Backup started at TIME',
    'INFO: status = stopped',
    'INFO: backup mode: stop',
    'INFO: ionice priority: 7',
    'INFO: CT Name: db',
    "INFO: creating vzdump archive '/sample/storage/dump/vzdump-lxc-101-STAMP.tar.zst'",
    "WARN: tar does not match exclusion with a trailing slash '/var/'",
    expect.stringMatching(/^INFO: Total bytes written: 10240 \(10KiB, \d+(?:\.\d)?[KM]iB\/s\)$/),
    'INFO: archive file size: 0KB',
    'INFO: prune older backups with retention: keep-last=3',
    'INFO: pruned 0 backup(s)',
    'INFO: Finished Backup of VM 101 (00:00:0N)',
    'INFO: Backup finished at TIME',
    'INFO: Backup job finished successfully',
  ]);
  expect(guests[0]).toMatchObject({ type: 'lxc', name: 'db', state: 'ok' });
});

describe('hooks', () => {
  test.each([
    ['of one that does not run', false, 'stop', ['backup-start', 'backup-end', 'log-end']],
    [
      'of one that runs',
      true,
      'stop',
      ['backup-start', 'pre-stop', 'backup-end', 'pre-restart', 'post-restart', 'log-end'],
    ],
  ] as const)('%s', async (_name, isRunning, mode, phases) => {
    const sample = await sampleDump();
    const { script, calls } = await hookScript(sample);
    await sample.run({
      ...{ vmids: [101], mode: 'stop', script },
      methods: { lxc: containerOf(await sampleTree(sample), { isRunning }) },
    });
    expect(await calls()).toEqual([
      'job-init',
      'job-start',
      ...phases.map((phase) => `${phase} ${mode} 101`),
      'job-end',
    ]);
  });

  test.each([
    ['backup-start', ['backup-start', 'pre-restart', 'post-restart', 'backup-abort', 'log-end'], 'failed', 0],
    [
      'pre-stop',
      ['backup-start', 'pre-stop', 'pre-restart', 'post-restart', 'backup-abort', 'log-end'],
      'failed',
      0,
    ],
    [
      'backup-end',
      ['backup-start', 'pre-stop', 'backup-end', 'pre-restart', 'post-restart', 'backup-abort', 'log-end'],
      'failed',
      0,
    ],
    [
      'pre-restart',
      ['backup-start', 'pre-stop', 'backup-end', 'pre-restart', 'post-restart', 'log-end'],
      'ok',
      1,
    ],
    [
      'log-end',
      ['backup-start', 'pre-stop', 'backup-end', 'pre-restart', 'post-restart', 'log-end'],
      'ok',
      1,
    ],
  ] as const)('that fail: %s', async (phase, phases, state, warnings) => {
    const sample = await sampleDump();
    const { script, calls } = await hookScript(sample, [phase]);
    const methods = { lxc: containerOf(await sampleTree(sample)) };
    const result = await sample.run({ vmids: [101], mode: 'stop', script, methods });
    expect((await calls()).slice(2, -1)).toEqual(phases.map((name) => `${name} stop 101`));
    expect([result.guests[0]!.state, result.warnings]).toEqual([state, warnings]);
    const command = `command '${script} ${phase} stop 101' failed: exit code 1`;
    expect(sample.log).toContain(
      state === 'ok' ? `WARN: ${command}` : `ERROR: Backup of VM 101 failed - ${command}`,
    );
    const archives = (await readdir(sample.path('storage/dump'))).filter((name) => name.endsWith('.tar'));
    expect(archives).toHaveLength(state === 'ok' || phase === 'backup-end' ? 1 : 0);
  });

  test('that fail for the job', async () => {
    for (const [phase, phases] of [
      ['job-init', ['job-init']],
      ['job-start', ['job-init', 'job-start', 'job-abort']],
      [
        'job-end',
        [
          'job-init',
          'job-start',
          'backup-start stop 102',
          'backup-end stop 102',
          'log-end stop 102',
          'job-end',
          'job-abort',
        ],
      ],
    ] as const) {
      const sample = await sampleDump();
      await writeFile(sample.path('pve/qemu-server/102.conf'), 'name: small\n');
      const { script, calls } = await hookScript(sample, [phase]);
      await expect(sample.run({ vmids: [102], script })).rejects.toMatchObject({ code: 'PROGRAM_FAILED' });
      expect(await calls()).toEqual(phases);
      expect(sample.log.at(-1)).toBe(
        `ERROR: Backup job failed - command '${script} ${phase}' failed: exit code 1`,
      );
    }
  });

  test('of a guest that there is not', async () => {
    const sample = await sampleDump();
    const { script, calls } = await hookScript(sample);
    await sample.run({ vmids: [999], script });
    expect((await calls()).slice(2, -1)).toEqual(['backup-abort snapshot 999', 'log-end snapshot 999']);
  });
});

describe('modes', () => {
  test('a snapshot that cannot be is a suspension', async () => {
    const sample = await sampleDump();
    const calls: string[] = [];
    const failing = { 'prepare snapshot': MODE_FAILURE };
    const methods = {
      lxc: containerOf(await sampleTree(sample), { failing, onCall: (call) => calls.push(call) }),
    };
    const { guests } = await sample.run({ vmids: [101], methods });
    expect(guests[0]!.state).toBe('ok');
    expect(calls).toEqual(['prepare snapshot', 'prepare suspend', 'open suspend', 'release suspend']);
    expect(sample.log.slice(3, 10)).toEqual([
      'INFO: status = running',
      'INFO: CT Name: db',
      'INFO: mode failure - some volumes do not support snapshots',
      "INFO: trying 'suspend' mode instead",
      'INFO: backup mode: suspend',
      'INFO: ionice priority: 7',
      'INFO: CT Name: db',
    ]);
  });

  test('whatever else fails is not tried in another way', async () => {
    const sample = await sampleDump();
    const calls: string[] = [];
    const failing = { 'prepare snapshot': new ArchiveError('OTHER', 'something else') };
    const methods = {
      lxc: containerOf(await sampleTree(sample), { failing, onCall: (call) => calls.push(call) }),
    };
    const { guests } = await sample.run({ vmids: [101], methods });
    expect(guests[0]).toMatchObject({ state: 'failed', error: { code: 'OTHER' } });
    expect(calls).toEqual(['prepare snapshot']);
  });

  test('what was half opened is put back', async () => {
    const sample = await sampleDump();
    const calls: string[] = [];
    const failing = { 'open stop': new ArchiveError('OTHER', 'something else') };
    const methods = {
      lxc: containerOf(await sampleTree(sample), { failing, onCall: (call) => calls.push(call) }),
    };
    const { guests } = await sample.run({ vmids: [101], mode: 'stop', methods });
    expect(guests[0]!.state).toBe('failed');
    expect(calls).toEqual(['prepare stop', 'open stop', 'release stop']);
    expect(await readdir(sample.path('storage/dump'))).toEqual([expect.stringMatching(/\.log$/)]);
  });
});

describe('a virtual machine that runs', () => {
  /** A process that looks like its QEMU, and the directory with the file that names it. */
  async function runningVm(sample: SampleDump, id = '100'): Promise<string> {
    const directory = sample.path('run');
    await mkdir(directory);
    const args = ['-e', 'process.stdin.resume()', '--', '-id', id];
    const child = spawn(process.execPath, args, { stdio: ['pipe', 'ignore', 'ignore'] });
    onTestFinished(() => void child.stdin.end());
    await new Promise((resolve) => child.once('spawn', resolve));
    await writeFile(join(directory, '100.pid'), `${child.pid}\n`);
    return directory;
  }

  test('is refused', async () => {
    const sample = await sampleDump();
    const pidDirectory = await runningVm(sample);
    const { guests } = await sample.run({ vmids: [100], methods: { qemu: vmMethods({ pidDirectory }) } });
    expect(guests[0]).toMatchObject({ state: 'failed', error: { code: 'GUEST_RUNNING' } });
    expect(sample.log).toContain('INFO: status = running');
    expect(sample.log).toContainEqual(expect.stringMatching(/^INFO: hint: .*--force-running$/));
  });

  test('unless somebody insists', async () => {
    const sample = await sampleDump();
    const { script, calls } = await hookScript(sample);
    const methods = { qemu: vmMethods({ pidDirectory: await runningVm(sample), forceRunning: true }) };
    const { guests, warnings } = await sample.run({ vmids: [100], mode: 'stop', script, methods });
    expect([guests[0]!.state, warnings]).toEqual(['ok', 1]);
    expect(sample.log).toContainEqual(expect.stringMatching(/^WARN: VM 100 runs while its disks are read/));
    expect((await calls()).slice(2, -1)).toEqual(
      ['backup-start', 'pre-stop', 'pre-restart', 'post-restart', 'backup-end', 'log-end'].map(
        (phase) => `${phase} snapshot 100`,
      ),
    );
  });

  test('has ended when its number is another process now, or the file names none', async () => {
    const sample = await sampleDump();
    const pidDirectory = await runningVm(sample, '1000');
    const { isRunning } = vmMethods({ pidDirectory });
    const guest = { vmid: 100, type: 'qemu', configPath: '' } as const;
    expect(await isRunning(guest, [])).toBe(false);
    await writeFile(join(pidDirectory, '100.pid'), '');
    expect(await isRunning(guest, [])).toBe(false);
    expect(await isRunning({ ...guest, vmid: 101 }, [])).toBe(false);
  });
});
