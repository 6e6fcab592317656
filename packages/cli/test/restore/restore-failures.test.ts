import { mkdir, open, readdir, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runTool, testWith } from '@vzdump-format/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { writeNoise } from '../support/disk-content.js';
import { loopFilesIn, noLoopFilesIn } from '../support/mounted-image.js';
import { nameIn, PARTIAL } from '../support/partial-files.js';
import { childrenOf, isRunning } from '../support/processes.js';
import { type CliResult, errorDocument, linesOf, runCli, startCli } from '../support/running-cli.js';
import { makeSampleGuests, type SampleGuests } from '../support/sample-guests.js';
import { SIGNALS } from '../support/signals.js';
import { makeNestedDirectories } from '../support/tree-making.js';

const MIB = 1 << 20;
const removed = (volume: string) => `removed '${volume}', which did not become whole`;

/** Nothing is there that was not before: no guest, no volume, no loop device, no mount. */
async function expectNothing(sample: SampleGuests, vmid = 300): Promise<void> {
  expect(await readdir(sample.path('storage/images'))).toEqual(['100', '101']);
  for (const name of [`qemu-server/${vmid}.conf`, `lxc/${vmid}.conf`, `firewall/${vmid}.fw`]) {
    expect(await sample.config(name)).toBeUndefined();
  }
  expect(await runTool('cat', '/proc/mounts')).not.toContain(sample.directory);
  if (process.getuid?.() === 0) expect(await loopFilesIn(sample.directory)).toEqual([]);
}

/**
 * Whatever was made is told to be gone, the last one first; an archive that is found to be bad at once makes
 * nothing.
 */
function expectAllRemoved(lines: readonly string[]): void {
  const made = lines.flatMap((line) => /^new volume ID is '(.*)'$/.exec(line)?.[1] ?? []);
  expect(lines.filter((line) => line.startsWith('removed '))).toEqual(made.reverse().map(removed));
}

/** A virtual machine whose disk does not compress. @returns its archive */
async function dumpNoise(sample: SampleGuests, ...options: readonly string[]): Promise<string> {
  const disk = sample.volume(100, 'vm-100-disk-0.raw');
  await runTool('rm', disk);
  await writeNoise(disk, 8 * MIB);
  return sample.dump(100, ...options);
}

/** A container with a large file. @returns its archive */
async function dumpLargeFile(sample: SampleGuests, ...options: readonly string[]): Promise<string> {
  const path = sample.volume(101, 'subvol-101-disk-0.subvol/root/large');
  await writeNoise(path, 8 * MIB);
  if (process.getuid?.() === 0) await runTool('chown', '100000:100000', path);
  return sample.dump(101, ...options);
}

async function flipByte(path: string, offset: number): Promise<void> {
  const file = await open(path, 'r+');
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, offset);
  byte[0]! ^= 0xff;
  await file.write(byte, 0, 1, offset);
  await file.close();
}

describe('an archive that proves bad leaves nothing, and it is told what was removed', () => {
  const damages: readonly (readonly [string, (path: string, size: number) => Promise<void>])[] = [
    ['cut short', (path, size) => truncate(path, Math.floor(size / 2))],
    ['damaged', (path, size) => flipByte(path, Math.floor(size / 2))],
  ];

  describe.each(damages)('%s', (_, damage) => {
    test.each(['zstd', 'gzip', 'lzo'])('virtual machine, --compress %s', async (codec) => {
      const sample = await makeSampleGuests();
      const archive = await dumpNoise(sample, '--compress', codec);
      await damage(archive, (await stat(archive)).size);
      const result = await sample.restore(archive, '300');
      expect(result.status).toBe(1);
      const lines = linesOf(result.stderr);
      const error = lines.findLast((line) => !line.startsWith('hint: '));
      expect(error).toMatch(`vzdump-format: ${archive}: `);
      expectAllRemoved(lines);
      await expectNothing(sample);
    });

    testWith(['root'], 'container, onto images', async () => {
      const sample = await makeSampleGuests();
      const archive = await dumpLargeFile(sample, '--compress', 'zstd');
      await damage(archive, (await stat(archive)).size);
      const volumes = ['--rootfs', 'local:0.125', '--mp3', 'local:0.0625,mp=/srv/data'];
      const result = await sample.restore(archive, '300', ...volumes, '--json');
      expect([result.status, result.stdout.length]).toEqual([1, 0]);
      expect(errorDocument(result)).toMatchObject({
        type: 'error',
        message: expect.stringContaining(`${archive}: `),
      });
      expectAllRemoved(linesOf(result.stderr).map((line) => JSON.parse(line).message));
      await expectNothing(sample);
    });

    testWith(['root'], 'container, into directories', async () => {
      const sample = await makeSampleGuests();
      const archive = await dumpLargeFile(sample, '--compress', 'gzip');
      await damage(archive, (await stat(archive)).size);
      const result = await sample.restore(archive, '300', '--rootfs', 'local:0');
      expect(result.status).toBe(1);
      expectAllRemoved(linesOf(result.stderr));
      await expectNothing(sample);
    });
  });

  testWith(['root'], 'unless unpack errors are ignored, which is a warning', async () => {
    const sample = await makeSampleGuests();
    const archive = await dumpLargeFile(sample);
    await truncate(archive, 4 * MIB);
    const ignoring = ['--rootfs', 'local:0', '--ignore-unpack-errors'];
    const { status, stderr } = await sample.restore(archive, '300', ...ignoring);
    expect([status, stderr]).toEqual([3, expect.stringMatching('warning: not all could be unpacked')]);
    expect(await sample.config('lxc/300.conf')).toContain('hostname: db\n');
  });
});

describe('a tree whose paths are longer than any call takes', () => {
  const NAMES = Array.from({ length: 20 }, (_, depth) => `${depth}`.padEnd(250, 'x'));

  /** @returns the archive of a container with such a tree */
  async function dumpDeepTree(sample: SampleGuests): Promise<string> {
    makeNestedDirectories(sample.volume(101, 'subvol-101-disk-0.subvol/root'), NAMES, 100_000);
    return dumpLargeFile(sample);
  }

  testWith(['root'], 'is gone when the archive proves bad', async () => {
    const sample = await makeSampleGuests();
    const archive = await dumpDeepTree(sample);
    await truncate(archive, (await stat(archive)).size - 10_240);
    const result = await sample.restore(archive, '300', '--rootfs', 'local:0');
    expect(result.status).toBe(1);
    expectAllRemoved(linesOf(result.stderr));
    await expectNothing(sample);
  });

  testWith(['root'], 'is gone from a directory of choice, which stays', async () => {
    const sample = await makeSampleGuests();
    const archive = await dumpDeepTree(sample);
    await truncate(archive, (await stat(archive)).size - 10_240);
    const chosen = sample.path('chosen');
    await mkdir(chosen);
    const result = await sample.restore(archive, '300', '--rootfs', chosen);
    expect([result.status, await readdir(chosen)]).toEqual([1, []]);
  });

  testWith(['root'], 'is gone with the volume that a new one takes the place of', async () => {
    const sample = await makeSampleGuests();
    const archive = await dumpDeepTree(sample);
    const result = await sample.restore(archive, '101', '--force', '--rootfs', 'local:0');
    expect(result.stderr).toContain("removed old volume 'local:101/subvol-101-disk-0.subvol'");
    expect(await sample.volumes(101)).not.toContain('subvol-101-disk-0.subvol');
  });
});

describe('a disk that is full', () => {
  /** @returns a storage with room for 2 MiB, which the guest's volumes are to go to */
  async function withSmallStorage(sample: SampleGuests): Promise<string> {
    const directory = sample.path('small');
    await mkdir(directory);
    await runTool('mount', '-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', directory);
    onTestFinished(async () => {
      await runTool('umount', directory);
    });
    await sample.edit('storage.cfg', (text) => `${text}\ndir: small\n\tpath ${directory}\n`);
    return directory;
  }

  async function expectFull(result: CliResult, small: string, volume: string): Promise<void> {
    expect(result.status).toBe(1);
    const [error, gone] = linesOf(result.stderr).reverse();
    expect(error).toMatch(/^vzdump-format: .*: .*no space left on device/);
    expect(gone).toBe(removed(volume));
    expect(await readdir(small)).toEqual([]);
  }

  testWith(['root'], 'for a virtual machine', async () => {
    const sample = await makeSampleGuests();
    const archive = await dumpNoise(sample, '--compress', 'zstd');
    const small = await withSmallStorage(sample);
    const result = await sample.restore(archive, '300', '--storage', 'small');
    await expectFull(result, small, 'small:300/vm-300-disk-0.raw');
    expect(await sample.config('qemu-server/300.conf')).toBeUndefined();
  });

  testWith(['root'], 'for a container in a directory', async () => {
    const sample = await makeSampleGuests();
    const archive = await dumpLargeFile(sample, '--compress', 'zstd');
    const small = await withSmallStorage(sample);
    const result = await sample.restore(archive, '300', '--rootfs', 'small:0');
    await expectFull(result, small, 'small:300/subvol-300-disk-0.subvol');
    expect(await sample.config('lxc/300.conf')).toBeUndefined();
  });

  testWith(['root'], 'for a container on an image', async () => {
    const sample = await makeSampleGuests();
    const archive = await dumpLargeFile(sample, '--compress', 'zstd');
    const small = await withSmallStorage(sample);
    const result = await sample.restore(archive, '300', '--rootfs', 'small:1');
    expect(result.status).toBe(1);
    expect(result.stderr).toContain(`${removed('small:300/vm-300-disk-0.raw')}\n`);
    expect(await readdir(small)).toEqual([]);
    expect(await sample.config('lxc/300.conf')).toBeUndefined();
    expect(await loopFilesIn(small)).toEqual([]);
  });
});

describe.each(SIGNALS.slice(0, 2))('%s in the middle', (signal, status, word) => {
  const SLOWLY = ['--bwlimit', '64'];

  /** Starts a restore that takes minutes, and ends it when its volume is there. */
  async function interrupt(sample: SampleGuests, args: readonly string[]): Promise<CliResult> {
    const images = sample.path('storage/images/300');
    await mkdir(images);
    const running = startCli(['restore', ...args, ...sample.pveRoot, ...SLOWLY], { detached: true });
    onTestFinished(() => void running.child.kill('SIGKILL'));
    await nameIn(images, PARTIAL);
    const children = childrenOf(running.child.pid!);
    process.kill(-running.child.pid!, signal);
    const result = await running.ended;
    expect([result.status, result.stderr.endsWith(`vzdump-format: ${word}\n`)]).toEqual([status, true]);
    expect(children.filter(isRunning)).toEqual([]);
    expect(await readdir(images)).toEqual([]);
    await runTool('rmdir', images);
    await expectNothing(sample);
    return result;
  }

  test('of a virtual machine', async () => {
    const sample = await makeSampleGuests();
    const archive = await dumpNoise(sample, '--compress', 'zstd');
    const { stderr } = await interrupt(sample, [archive, '300']);
    expect(stderr).toContain(`${removed('local:300/vm-300-disk-0.raw')}\n`);
  });

  testWith(['root'], 'of a container on an image', async () => {
    const sample = await makeSampleGuests();
    const archive = await dumpLargeFile(sample); // of which nothing is read ahead
    const { stderr } = await interrupt(sample, [archive, '300', '--rootfs', 'local:1']);
    expect(stderr).toContain(`${removed('local:300/vm-300-disk-0.raw')}\n`);
  });

  test('of a container in a directory', async () => {
    const sample = await makeSampleGuests();
    const archive = await dumpLargeFile(sample); // of which nothing is read ahead
    const { stderr } = await interrupt(sample, [archive, '300', '--rootfs', 'local:0']);
    expect(stderr).toContain(`${removed('local:300/subvol-300-disk-0.subvol')}\n`);
  });

  test('out of a pipe that has stalled', async () => {
    const sample = await makeSampleGuests();
    const archive = await dumpNoise(sample);
    const running = startCli(['restore', '-', '300', ...sample.pveRoot]);
    const bytes = (await runCli(['convert', archive, '-', '--format', 'vma'])).stdout;
    running.child.stdin.write(bytes.subarray(0, 4 * MIB));
    await nameIn(await made(sample.path('storage/images'), '300'), PARTIAL);
    running.child.kill(signal);
    expect((await running.ended).status).toBe(status);
    await expectNothing(sample);
  });
});

testWith(
  ['root'],
  'SIGKILL leaves hidden files only, neither mount nor loop device, and the next run succeeds',
  async () => {
    const sample = await makeSampleGuests();
    const archive = await dumpLargeFile(sample);
    const args = ['restore', archive, '300', '--rootfs', 'local:0.125', ...sample.pveRoot];
    const running = startCli([...args, '--bwlimit', '64', '--progress=json']);
    await new Promise<void>((resolve) => {
      running.child.stderr.on('data', (text: string) => {
        if (text.includes('"progress"')) resolve();
      });
    });
    running.child.kill('SIGKILL');
    expect((await running.ended).signal).toBe('SIGKILL');
    expect(await runTool('cat', '/proc/mounts')).not.toContain(sample.directory);
    await noLoopFilesIn(sample.directory);
    expect(await sample.volumes(300)).toEqual([expect.stringMatching(PARTIAL)]);
    expect(await sample.config('lxc/300.conf')).toBeUndefined();
    expect((await runCli(args)).status).toBe(0);
    expect(await sample.volumes(300)).toEqual([expect.stringMatching(PARTIAL), 'vm-300-disk-0.raw']);
  },
);

testWith(
  ['root'],
  'SIGKILL at the very moment of the mount leaves neither mount nor loop device',
  async () => {
    const sample = await makeSampleGuests();
    const archive = await sample.dump(101);
    const programs = sample.path('programs');
    await mkdir(programs);
    const mount = `#!/bin/sh\nkill -KILL $PPID\n/bin/mount "$@"\n: > ${sample.path('mounted')}\n`;
    await writeFile(join(programs, 'mount'), mount, { mode: 0o755 });
    const args = ['restore', archive, '300', '--rootfs', 'local:1', ...sample.pveRoot];
    const env = { PATH: `${programs}:${process.env.PATH}`, TMPDIR: programs };
    const { signal } = await runCli(args, { env });
    expect(signal).toBe('SIGKILL');
    await nameIn(sample.directory, /^mounted$/);
    await noLoopFilesIn(sample.directory);
  },
);

/** Waits until there is a directory of that name. */
async function made(directory: string, name: string): Promise<string> {
  await nameIn(directory, new RegExp(`^${name}$`));
  return join(directory, name);
}
