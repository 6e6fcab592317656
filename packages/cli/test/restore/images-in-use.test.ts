import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { vectorPath } from '@vzdump-format/test-vectors';
import { runTool, scratch, testWith } from '@vzdump-format/testing';
import { describe, expect, onTestFinished } from 'vitest';
import { sha256OfFile, writeNoise } from '../support/disk-content.js';
import { nameIn, PARTIAL } from '../support/partial-files.js';
import { type CliResult, linesOf, runCli, startCli } from '../support/running-cli.js';
import { makeSampleGuests, type SampleGuests } from '../support/sample-guests.js';

const TOOLS = ['qemu-io', 'qemu-img'] as const;
const WRITTEN = 'is in use: QEMU, or one of its tools, writes to it';
const READ = 'is in use: QEMU, or one of its tools, reads it';

/**
 * Opens an image as a virtual machine would, whoever had started it: QEMU's tools take the same locks.
 * @returns what ends it
 */
async function openByQemu(image: string, ...options: readonly string[]): Promise<() => Promise<void>> {
  const format = image.endsWith('.qcow2') ? 'qcow2' : 'raw';
  const qemu = spawn('qemu-io', ['-f', format, ...options, image], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(qemu, 'close');
  onTestFinished(() => void qemu.stdin.end());
  await once(qemu.stdout, 'data'); // it asks for a command
  return async () => {
    qemu.stdin.end();
    await ended;
  };
}

/** The virtual machine 100 with one disk. */
async function sampleVm(format: 'raw' | 'qcow2') {
  const sample = await makeSampleGuests();
  const image = sample.volume(100, `vm-100-disk-0.${format}`);
  if (format === 'qcow2') await runTool('qemu-img', 'create', '-q', '-f', format, image, '16M');
  await sample.edit(
    'qemu-server/100.conf',
    () => `name: web\nscsi0: local:100/vm-100-disk-0.${format},size=16M\n`,
  );
  return { sample, image, archive: await sample.dump(100) };
}

function dump(sample: SampleGuests): Promise<CliResult> {
  return runCli(['dump', '100', ...sample.dumpArgs, '--dumpdir', sample.path('storage/archive')]);
}

describe.each(['raw', 'qcow2'] as const)(
  'a virtual machine with a %s image that runs, without a pidfile',
  (format) => {
    testWith(TOOLS, 'is not read as if it were stopped, and never replaced', async () => {
      const { sample, image, archive } = await sampleVm(format);
      const before = [
        await sample.volumes(100),
        await sha256OfFile(image),
        await sample.config('qemu-server/100.conf'),
      ];
      const end = await openByQemu(image);
      const dumped = await dump(sample);
      expect(linesOf(dumped.stderr)).toContain('INFO: status = running');
      expect(dumped.stderr).toMatch(
        /^ERROR: Backup of VM 100 failed - VM 100 is running, and its disks change/m,
      );
      const restored = await sample.restore(archive, '100', '--force');
      expect(restored.stderr).toContain('unable to restore VM 100 - vm is running\n');
      expect([dumped.status, restored.status]).toEqual([1, 1]);
      await end();
      const after = [
        await sample.volumes(100),
        await sha256OfFile(image),
        await sample.config('qemu-server/100.conf'),
      ];
      expect(after).toEqual(before);
      expect((await sample.restore(archive, '100', '--force')).status).toBe(0);
    });

    testWith(TOOLS, 'may be dumped while its image is only read, but not replaced', async () => {
      const { sample, image, archive } = await sampleVm(format);
      await openByQemu(image, '-r');
      expect((await dump(sample)).status).toBe(0);
      const { status, stderr } = await sample.restore(archive, '100', '--force');
      expect([status, stderr.includes(`${image} ${READ}\n`)]).toEqual([1, true]);
    });
  },
);

testWith(TOOLS, 'a machine that is started while its successor is made is not replaced', async () => {
  const { sample, image } = await sampleVm('raw');
  await runTool('rm', image);
  await writeNoise(image, 1 << 20);
  const archive = await sample.dump(100);
  const args = ['restore', archive, '100', '--force', '--bwlimit', '512', ...sample.pveRoot];
  const running = startCli(args);
  await nameIn(sample.path('storage/images/100'), PARTIAL);
  const before = await sha256OfFile(image);
  await openByQemu(image);
  const { status, stderr } = await running.ended;
  expect(stderr).toContain('unable to restore VM 100 - vm is running\n');
  expect([status, await sha256OfFile(image)]).toEqual([1, before]);
  expect((await sample.volumes(100)).filter((name) => PARTIAL.test(name))).toEqual([]);
});

testWith(TOOLS, 'no other path that is chosen for a drive is overwritten while it is in use', async () => {
  const directory = await scratch();
  const image = join(directory, 'disk.raw');
  await runTool('qemu-img', 'create', '-q', '-f', 'raw', image, '4M');
  await openByQemu(image);
  const sample = await makeSampleGuests();
  const drive = `scsi0=${image}`;
  const restored = await sample.restore(await sample.dump(100), '300', '--force', '--drive', drive);
  const out = join(directory, 'out');
  await mkdir(out);
  const archive = vectorPath('vma/two-drives-two-configs.vma');
  const unpacked = await runCli(['unpack', archive, '--to', out, '--force', '--drive', `1=${image}`]);
  for (const { status, stderr } of [restored, unpacked]) {
    expect([status, stderr.includes(`${image} ${WRITTEN}\n`)]).toEqual([1, true]);
  }
  expect(await sha256OfFile(image)).toBe(await sha256OfZeros(4 << 20));
});

async function sha256OfZeros(size: number): Promise<string> {
  const path = join(await scratch(), 'zeros');
  await runTool('truncate', '-s', String(size), path);
  return sha256OfFile(path);
}
