import { spawn } from 'node:child_process';
import { mkdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { runTool, testWith } from '@vzdump-format/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { writeNoise } from '../support/disk-content.js';
import { type DumpSample, dumpSample, timelessNames } from '../support/dump-sample.js';
import { nameIn } from '../support/partial-files.js';
import { childrenOf, isRunning } from '../support/processes.js';
import { linesOf, runCli } from '../support/running-cli.js';
import { SIGNALS } from '../support/signals.js';

/** Takes minutes: what ends before has not waited. */
const SLOWLY = ['--bwlimit', '64'];
const UNFINISHED = /\.dat$/;

/** A virtual machine 102 with a disk of noise, 4 MiB. */
async function withNoisyVm(format: 'raw' | 'qcow2' = 'raw'): Promise<DumpSample> {
  const sample = await dumpSample();
  await mkdir(sample.path('storage/images/102'));
  const disk = sample.path('storage/images/102/disk.raw');
  await writeNoise(disk, 4 << 20);
  if (format === 'qcow2') {
    const image = sample.path('storage/images/102/disk.qcow2');
    await runTool('qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', disk, image);
  }
  await sample.write('pve/qemu-server/102.conf', `name: noisy\nscsi0: local:102/disk.${format}\n`);
  return sample;
}

/** A container 103 with a file of as much. */
async function addNoisyContainer(sample: DumpSample): Promise<void> {
  await mkdir(sample.path('storage/images/103/root.subvol'), { recursive: true });
  await writeNoise(sample.path('storage/images/103/root.subvol/noise'), 4 << 20);
  await sample.write('pve/lxc/103.conf', 'rootfs: local:103/root.subvol\n');
}

/** The names in `storage/dump` without what every backup leaves, its log. */
function leftIn(sample: DumpSample): string[] {
  return timelessNames(sample.names()).filter((name) => !name.endsWith('STAMP.log'));
}

describe.each(SIGNALS)('%s', (signal, status, word) => {
  test.each([102, 103])(
    'in the middle of guest %i: all is put back, and nothing half-written is left',
    async (vmid) => {
      const sample = await withNoisyVm();
      await addNoisyContainer(sample);
      const config = vmid === 102 ? 'pve/qemu-server/102.conf' : 'pve/lxc/103.conf';
      const before = await sample.read(config);
      const running = sample.start([String(vmid), '104', '--compress', 'zstd', ...SLOWLY]);
      await nameIn(sample.path('storage/dump'), UNFINISHED);
      running.child.kill(signal);
      const result = await running.ended;
      const lines = linesOf(result.stderr);
      expect(lines.slice(-4)).toEqual([
        `ERROR: Backup of VM ${vmid} failed - interrupted by signal`,
        expect.stringMatching(/^INFO: Failed at /),
        'ERROR: Backup job failed - interrupted by signal',
        `vzdump-format: ${word}`,
      ]);
      expect([result.status, leftIn(sample)]).toEqual([status, []]);
      expect(await sample.read(config)).toBe(before);
      expect((await sample.dump([String(vmid)])).status).toBe(0);
    },
  );
});

/**
 * When a terminal goes away, the kernel says so, and then the shell does, in the middle of what the first has
 * begun.
 */
test('a SIGHUP, or a first SIGTERM, while a SIGHUP is dealt with: all is put back', async () => {
  const sample = await withNoisyVm();
  const before = await sample.read('pve/qemu-server/102.conf');
  const hook = '#!/bin/sh\nif [ "$1" = backup-abort ]; then kill -HUP $PPID; kill -TERM $PPID; fi\n';
  await sample.write('hook', hook, 0o755);
  const running = sample.start(['102', '--script', sample.path('hook'), ...SLOWLY]);
  await nameIn(sample.path('storage/dump'), UNFINISHED);
  running.child.kill('SIGHUP');
  const { status, signal } = await running.ended;
  expect([status, signal, leftIn(sample)]).toEqual([129, null, []]);
  expect(await sample.read('pve/qemu-server/102.conf')).toBe(before);
});

describe('a disk that is full', () => {
  for (const [vmid, compress] of [
    [102, '0'],
    [102, 'zstd'],
    [103, '0'],
    [103, 'gzip'],
  ] as const) {
    testWith(
      ['root'],
      `guest ${vmid}, --compress ${compress}: a clear error, and the old backups stay`,
      async () => {
        const sample = await withNoisyVm();
        await addNoisyContainer(sample);
        const full = sample.path('full');
        await mkdir(full);
        await runTool('mount', '-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', full);
        onTestFinished(async () => {
          await runTool('umount', full);
        });
        const type = vmid === 102 ? 'qemu' : 'lxc';
        const older = `vzdump-${type}-${vmid}-2020_01_01-00_00_00.${vmid === 102 ? 'vma' : 'tar'}`;
        await writeFile(`${full}/${older}`, 'older');
        const { status, stderr } = await sample.dump([
          ...[String(vmid), '--dumpdir', full, '--compress', compress, '--prune-backups', 'keep-last=1'],
        ]);
        expect(stderr).toMatch(
          new RegExp(
            `^ERROR: Backup of VM ${vmid} failed - write ${full}/vzdump-${type}-\\S*\\.dat → ${full}/\\S+: no space left on device$`,
            'm',
          ),
        );
        expect(status).toBe(1);
        expect(sample.names('full')).toEqual([older, expect.stringMatching(/\.log$/)]);
        expect(await readFile(`${full}/${older}`, 'utf8')).toBe('older');
      },
    );
  }
});

describe('a stage that fails fails the whole, and is named', () => {
  testWith(['qemu-img', 'qemu-nbd'], 'qemu-nbd is killed', async () => {
    const sample = await withNoisyVm('qcow2');
    const running = sample.start(['102', ...SLOWLY]);
    await nameIn(sample.path('storage/dump'), UNFINISHED);
    const [server] = childrenOf(running.child.pid!);
    process.kill(server!, 'SIGKILL');
    const { status, stderr } = await running.ended;
    expect(stderr).toMatch(
      /^ERROR: Backup of VM 102 failed - qemu-nbd was ended by SIGKILL while .*disk\.qcow2/m,
    );
    expect([status, leftIn(sample), isRunning(server!)]).toEqual([1, [], false]);
  });

  test('the disk becomes smaller', async () => {
    const sample = await withNoisyVm();
    const running = sample.start(['102', '--compress', 'zstd', '--bwlimit', '1024']);
    await nameIn(sample.path('storage/dump'), UNFINISHED);
    await truncate(sample.path('storage/images/102/disk.raw'), 65_536);
    const { status, stderr } = await running.ended;
    expect(stderr).toMatch(
      /^ERROR: Backup of VM 102 failed - drive-scsi0 ended at byte \d+ while it was read/m,
    );
    expect([status, leftIn(sample)]).toEqual([1, []]);
  });

  test('nobody reads standard output any more', async () => {
    const sample = await withNoisyVm();
    const { child, ended } = sample.start(['102', '--stdout', '--compress', 'lzo'], { readsOutput: false });
    child.stdout.destroy();
    const { status, stderr } = await ended;
    expect(stderr).toContain('ERROR: Backup of VM 102 failed - write standard output: broken pipe\n');
    expect([status, leftIn(sample)]).toEqual([1, []]);
  });

  test('a number that two guests have is no other guest’s fault: neither of dump nor of restore', async () => {
    const sample = await dumpSample();
    await sample.write('pve/lxc/102.conf', 'rootfs: local:102/none.raw\n');
    await sample.write('pve/qemu-server/102.conf', 'memory: 16\n');
    const { status, stderr } = await sample.dump(['--all']);
    const failures = linesOf(stderr).filter((line) => line.startsWith('ERROR: '));
    expect(failures).toEqual([
      'ERROR: Backup of VM 102 failed - 102 is both a virtual machine and a container',
    ]);
    expect([status, leftIn(sample)]).toEqual([1, ['vzdump-lxc-101-STAMP.tar', 'vzdump-qemu-100-STAMP.vma']]);
    const restore = ['restore', sample.archive('.vma'), '--pve-root', sample.path('pve')];
    expect((await runCli([...restore, '300'])).status).toBe(0);
    expect((await runCli([...restore, '102', '--force'])).stderr).toContain(
      '102 is both a virtual machine and a container',
    );
  });

  test('the others have their turn', async () => {
    const sample = await withNoisyVm();
    await sample.write('pve/qemu-server/102.conf', 'scsi0: local:102/none.raw\n');
    const { status, stderr } = await sample.dump(['102', '100', '101']);
    expect(stderr).toMatch(/^ERROR: Backup of VM 102 failed - stat .*none\.raw: no such file or directory$/m);
    expect(linesOf(stderr).at(-1)).toBe('vzdump-format: job errors');
    expect([status, leftIn(sample)]).toEqual([1, ['vzdump-lxc-101-STAMP.tar', 'vzdump-qemu-100-STAMP.vma']]);
  });
});

describe('a virtual machine that runs', () => {
  const RUNNING = 999_999_942;
  const PID_DIRECTORY = '/var/run/qemu-server';

  testWith(['root'], 'is refused, unless somebody insists', async () => {
    const sample = await dumpSample();
    await sample.write(`pve/qemu-server/${RUNNING}.conf`, 'name: busy\nscsi0: local:100/vm-100-disk-0.raw\n');
    const qemu = spawn('sh', ['-c', 'read -r line', '-id', String(RUNNING), '-name', 'x'], {
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    const made = await mkdir(PID_DIRECTORY, { recursive: true });
    await writeFile(`${PID_DIRECTORY}/${RUNNING}.pid`, `${qemu.pid}\n`);
    onTestFinished(async () => {
      qemu.stdin.end();
      await rm(made ?? `${PID_DIRECTORY}/${RUNNING}.pid`, { recursive: true });
    });
    const refused = await sample.dump([String(RUNNING)]);
    expect(linesOf(refused.stderr)).toEqual(
      expect.arrayContaining([
        'INFO: status = running',
        expect.stringMatching(`^ERROR: Backup of VM ${RUNNING} failed - VM ${RUNNING} is running`),
        expect.stringMatching(/^INFO: hint: shut it down.* --force-running$/),
      ]),
    );
    expect([refused.status, leftIn(sample)]).toEqual([1, []]);
    const insisted = await sample.dump([String(RUNNING), '--force-running']);
    expect(insisted.stderr).toMatch(
      /^WARN: VM \d+ runs while its disks are read: at best, .* a crash would have left$/m,
    );
    expect([insisted.status, leftIn(sample)]).toEqual([3, [`vzdump-qemu-${RUNNING}-STAMP.vma`]]);
  });
});
