import { spawnSync } from 'node:child_process';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { vectorBytes } from '@vzdump-format/test-vectors';
import { runTool, scratch, testWith } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import { writeNoise } from '../support/disk-content.js';
import { nameIn, PARTIAL } from '../support/partial-files.js';
import { childrenOf, hasEnded, isRunning } from '../support/processes.js';
import { type CliOptions, type RunningCli, runCliWell, startCli } from '../support/running-cli.js';
import { SIGNALS } from '../support/signals.js';

const SLOWLY = ['--bwlimit', '64'];
const MORE_THAN_A_PIPE_HOLDS = 300_000;

async function expectInterrupted(running: RunningCli, signal: (typeof SIGNALS)[number][0]): Promise<void> {
  const result = await running.ended;
  const [, status, word] = SIGNALS.find(([name]) => name === signal)!;
  expect(result.stderr).toMatch(new RegExp(`(^|\\n)vzdump-format: ${word}\\n$`));
  expect([result.status, result.signal]).toEqual([status, null]);
}

/** Packs a disk so slowly that it takes minutes. @returns when its partial file is there */
async function packSlowly(directory: string, disk: string, options: CliOptions = {}): Promise<RunningCli> {
  const out = join(directory, 'out');
  await mkdir(out);
  const running = startCli(
    ['pack', join(out, 'a.vma.zst'), '--drive', `drive-scsi0=${disk}`, ...SLOWLY],
    options,
  );
  await nameIn(out, PARTIAL);
  return running;
}

async function makeDisk(directory: string): Promise<string> {
  await writeNoise(join(directory, 'disk.raw'), 2 << 20);
  return join(directory, 'disk.raw');
}

async function makeQcow2(directory: string): Promise<string> {
  const [disk, image] = [await makeDisk(directory), join(directory, 'disk.qcow2')];
  await runTool('qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', disk, image);
  return image;
}

describe('pack', () => {
  test.each(SIGNALS)('%s leaves nothing, status %i', async (signal) => {
    const directory = await scratch();
    const running = await packSlowly(directory, await makeDisk(directory));
    running.child.kill(signal);
    await expectInterrupted(running, signal);
    expect(await readdir(join(directory, 'out'))).toEqual([]);
  });

  for (const [signal] of SIGNALS) {
    testWith(['qemu-img', 'qemu-nbd'], `${signal} ends qemu-nbd too`, async () => {
      const directory = await scratch();
      const running = await packSlowly(directory, await makeQcow2(directory));
      const children = childrenOf(running.child.pid!);
      expect(children).toHaveLength(1);
      running.child.kill(signal);
      await expectInterrupted(running, signal);
      expect(children.filter(isRunning)).toEqual([]);
      expect(await readdir(join(directory, 'out'))).toEqual([]);
    });
  }

  testWith(
    ['qemu-img', 'qemu-nbd'],
    'Ctrl-C, or the end of the terminal, which qemu-nbd gets as well, is no error of its',
    async () => {
      for (const signal of ['SIGINT', 'SIGHUP'] as const) {
        const directory = await scratch();
        const running = await packSlowly(directory, await makeQcow2(directory), { detached: true });
        process.kill(-running.child.pid!, signal);
        await expectInterrupted(running, signal);
        expect(await readdir(join(directory, 'out'))).toEqual([]);
      }
    },
  );

  test('to a pipe that nobody reads', async () => {
    const disk = await makeDisk(await scratch());
    const args = ['pack', '-', '--format', 'vma', '--drive', `a=${disk}`];
    const running = startCli(args, { readsOutput: false });
    await new Promise((resolve) => running.child.stdout.once('readable', resolve));
    running.child.kill('SIGTERM');
    await expectInterrupted(running, 'SIGTERM');
  });
});

describe('unpack from a pipe that has stalled', () => {
  const archive = vectorBytes('vma/two-drives-two-configs.vma');

  test.each(SIGNALS)('%s leaves nothing, status %i', async (signal) => {
    const out = await scratch();
    const running = startCli(['unpack', '-', '--to', out]);
    running.child.stdin.write(archive.subarray(0, MORE_THAN_A_PIPE_HOLDS));
    await nameIn(out, PARTIAL);
    running.child.kill(signal);
    await expectInterrupted(running, signal);
    expect(await readdir(out)).toEqual([]);
  });

  test('compressed, into a directory of its own making', async () => {
    const directory = await scratch();
    const running = startCli(['unpack', '-', '--to', join(directory, 'out')]);
    await feed(
      running,
      vectorBytes('vma/two-drives-two-configs.vma.zst').subarray(0, MORE_THAN_A_PIPE_HOLDS),
    );
    running.child.kill('SIGINT');
    await expectInterrupted(running, 'SIGINT');
    expect(await readdir(directory)).toEqual([]);
  });
});

describe('whatever reads standard input heeds a signal while that stalls, be it compressed', () => {
  const vma = vectorBytes('vma/two-drives-two-configs.vma').subarray(0, MORE_THAN_A_PIPE_HOLDS);
  const zst = vectorBytes('vma/two-drives-two-configs.vma.zst').subarray(0, MORE_THAN_A_PIPE_HOLDS);
  const header = vectorBytes('vma-crafted/header-1-mib.vma').subarray(0, MORE_THAN_A_PIPE_HOLDS);

  test.each([
    ['verify -', vma],
    ['verify -', zst],
    ['list -', header],
    ['config -', header],
    ['cat - drive-virtio0', vma],
    ['convert - -', vma],
    ['convert - - --compress zstd', zst],
    ['unpack - --to DIR/out', zst],
    ['restore - 300 --pve-root DIR', header],
    ['notes DIR/a.vma --file -', Buffer.alloc(MORE_THAN_A_PIPE_HOLDS, 'notes')],
  ] as const)('%s', async (line, bytes) => {
    const directory = await scratch();
    await writeFile(join(directory, 'a.vma'), '');
    const running = startCli(line.split(' ').map((argument) => argument.replace('DIR', directory)));
    await feed(running, bytes);
    running.child.kill('SIGINT');
    await expectInterrupted(running, 'SIGINT');
    expect(await readdir(directory)).toEqual(['a.vma']);
  });
});

/** Resolves when so much was taken that the program must be at work. */
async function feed({ child }: RunningCli, bytes: Uint8Array): Promise<void> {
  await new Promise((resolve) => child.stdin.write(bytes, resolve));
}

describe('SIGKILL', () => {
  test('leaves partial files only, and the next run succeeds', async () => {
    const directory = await scratch();
    const disk = await makeDisk(directory);
    const running = await packSlowly(directory, disk);
    running.child.kill('SIGKILL');
    expect((await running.ended).signal).toBe('SIGKILL');
    const out = join(directory, 'out');
    const left = await readdir(out);
    expect(left).toEqual([expect.stringMatching(PARTIAL)]);
    await runCliWell(['pack', join(out, 'a.vma.zst'), '--drive', `drive-scsi0=${disk}`]);
    await runCliWell(['verify', join(out, 'a.vma.zst')]);
    expect((await readdir(out)).sort()).toEqual([...left, 'a.vma.zst'].sort());
  });

  test('in the middle of unpack, likewise', async () => {
    const out = await scratch();
    const archive = vectorBytes('vma/two-drives-two-configs.vma');
    const { child, ended } = startCli(['unpack', '-', '--to', out]);
    child.stdin.write(archive.subarray(0, MORE_THAN_A_PIPE_HOLDS));
    await nameIn(out, PARTIAL);
    child.kill('SIGKILL');
    await ended;
    expect((await readdir(out)).filter((name) => !PARTIAL.test(name))).toEqual([]);
    await runCliWell(['unpack', '-', '--to', out], { stdin: archive });
  });

  testWith(['qemu-img', 'qemu-nbd', 'tail'], 'ends qemu-nbd too', async () => {
    const directory = await scratch();
    const running = await packSlowly(directory, await makeQcow2(directory));
    const [server] = childrenOf(running.child.pid!);
    running.child.kill('SIGKILL');
    await running.ended;
    await hasEnded(server!);
    expect(isRunning(server!)).toBe(false);
  });
});

test('the tests above would notice a child', () => {
  expect(spawnSync('true').pid).toBeGreaterThan(0);
  expect(childrenOf(process.ppid)).toContain(process.pid);
});
