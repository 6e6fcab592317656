import { spawn } from 'node:child_process';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { runTool, scratch, testWith } from '@vzdump-format/testing';
import { describe, expect, onTestFinished } from 'vitest';
import { writeNoise } from '../support/disk-content.js';
import { noLoopFilesIn } from '../support/mounted-image.js';
import { nameIn, PARTIAL } from '../support/partial-files.js';
import { hasEnded } from '../support/processes.js';
import { CLI } from '../support/running-cli.js';
import { makeSampleGuests } from '../support/sample-guests.js';

/** Takes minutes: what ends before was told to. */
const SLOWLY = ['--bwlimit', '64'];

/**
 * Starts the program on a terminal of its own, and takes that away when a name is in a directory. Resolves
 * when it has ended.
 */
async function loseTerminal(args: readonly string[], directory: string, name: RegExp): Promise<void> {
  const own = await scratch();
  const words = [process.execPath, CLI, ...args, ...SLOWLY].map((word) => `'${word}'`).join(' ');
  const line = `echo $$ > ${own}/number; mv ${own}/number ${own}/pid; exec ${words}`;
  const terminal = spawn('script', ['--quiet', '--command', line, '/dev/null'], { stdio: 'pipe' });
  onTestFinished(() => void terminal.kill('SIGKILL'));
  const pid = Number(await readFile(await nameIn(own, /^pid$/), 'utf8'));
  await nameIn(directory, name);
  terminal.kill('SIGKILL');
  await hasEnded(pid);
}

describe('a terminal that goes away leaves nothing of', () => {
  testWith(['script'], 'pack', async () => {
    const directory = await scratch();
    const [disk, out] = [join(directory, 'disk.raw'), join(directory, 'out')];
    await writeNoise(disk, 2 << 20);
    await mkdir(out);
    await loseTerminal(['pack', join(out, 'a.vma.zst'), '--drive', `drive-scsi0=${disk}`], out, PARTIAL);
    expect(await readdir(out)).toEqual([]);
  });

  testWith(['script'], 'dump: no lock either', async () => {
    const sample = await makeSampleGuests();
    await rm(sample.volume(100, 'vm-100-disk-0.raw'));
    await writeNoise(sample.volume(100, 'vm-100-disk-0.raw'), 2 << 20);
    const before = await sample.config('qemu-server/100.conf');
    const archives = sample.path('storage/archive');
    await loseTerminal(['dump', '100', ...sample.dumpArgs, '--dumpdir', archives], archives, /\.dat$/);
    expect((await readdir(archives)).filter((name) => /\.(dat|vma|tmp)$/.test(name))).toEqual([]);
    expect(await sample.config('qemu-server/100.conf')).toBe(before);
  });

  testWith(['root'], 'restore: no mount either', async () => {
    const sample = await makeSampleGuests();
    await writeNoise(sample.volume(101, 'subvol-101-disk-0.subvol/root/large'), 8 << 20);
    await runTool('chown', '100000:100000', sample.volume(101, 'subvol-101-disk-0.subvol/root/large'));
    const archive = await sample.dump(101);
    const images = sample.path('storage/images/300');
    await mkdir(images);
    const args = ['restore', archive, '300', '--rootfs', 'local:1', ...sample.pveRoot];
    await loseTerminal(args, images, PARTIAL);
    expect(await readdir(images)).toEqual([]);
    expect(await sample.config('lxc/300.conf')).toBeUndefined();
    expect(await runTool('cat', '/proc/mounts')).not.toContain(sample.directory);
    await noLoopFilesIn(sample.directory);
  });
});
