import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { type DumpSample, dumpSample } from '../support/dump-sample.js';
import { nameIn } from '../support/partial-files.js';
import { linesOf, type RunningCli } from '../support/running-cli.js';

/** A job that is at its first guest, and stays there until a file is made. */
async function holdingJob(sample: DumpSample): Promise<RunningCli> {
  const wait = `while [ ! -e ${sample.path('go')} ]; do /bin/sleep 0.05; done`;
  const text = `#!/bin/sh\nif [ "$1" = backup-start ]; then : > ${sample.path('held')}; ${wait}; fi\n`;
  await sample.write('hook', text, 0o755);
  const running = sample.start(['100', '--script', sample.path('hook')]);
  await nameIn(sample.path(''), /^held$/);
  return running;
}

/** Resolves when the program has said something. */
async function said(running: RunningCli, words: string): Promise<void> {
  let text = '';
  await new Promise<void>((resolve) => {
    running.child.stderr.on('data', (part: string) => {
      text += part;
      if (text.includes(words)) resolve();
    });
  });
}

describe('while a job runs', () => {
  test('another one waits for it', async () => {
    const sample = await dumpSample();
    const first = await holdingJob(sample);
    const second = sample.start(['101']);
    await said(second, 'INFO: trying to get global lock - waiting...\n');
    await sample.write('go', '');
    expect((await first.ended).status).toBe(0);
    const { status, stderr } = await second.ended;
    expect(linesOf(stderr).slice(0, 2)).toEqual([
      'INFO: trying to get global lock - waiting...',
      'INFO: got global lock',
    ]);
    expect(status).toBe(0);
  });

  test('another one that does not wait fails', async () => {
    const sample = await dumpSample();
    const first = await holdingJob(sample);
    const { status, stderr } = await sample.dump(['101', '--lockwait', '0']);
    const message = `can't acquire lock '${sample.path('lock')}' (wait = 0)`;
    expect(linesOf(stderr)).toEqual([
      `ERROR: Backup job failed - ${message}`,
      `vzdump-format: ${message}`,
      'hint: another backup job runs on this host',
    ]);
    expect(status).toBe(1);
    await sample.write('go', '');
    expect((await first.ended).status).toBe(0);
  });

  test('flock(1), and so vzdump, waits for it as well', async () => {
    const sample = await dumpSample();
    const first = await holdingJob(sample);
    expect(flockStatus(sample)).toBe(1);
    await sample.write('go', '');
    await first.ended;
    expect(flockStatus(sample)).toBe(0);
  });

  test('--stop ends it', async () => {
    const sample = await dumpSample();
    const first = await holdingJob(sample);
    expect((await sample.dump(['--stop'])).status).toBe(0);
    const { status, stderr } = await first.ended;
    expect(status).toBe(143);
    expect(stderr).toContain('ERROR: Backup of VM 100 failed - interrupted by signal\n');
    expect(await sample.read('pve/qemu-server/100.conf')).not.toMatch(/^lock:/m);
  });

  test('its guest is locked, as others see', async () => {
    const sample = await dumpSample();
    const before = await sample.read('pve/qemu-server/100.conf');
    const first = await holdingJob(sample);
    expect(await sample.read('pve/qemu-server/100.conf')).toMatch(/^lock: backup$/m);
    const { status, stderr } = await sample.dump([
      ...['100', '--lock-file', sample.path('another'), '--dumpdir', sample.path('storage/archive')],
    ]);
    expect(status).toBe(1);
    expect(linesOf(stderr)).toEqual(
      expect.arrayContaining([
        'ERROR: Backup of VM 100 failed - VM is locked (backup)',
        expect.stringMatching(/^INFO: hint: if nothing is at work on it: remove the line .*100.conf$/),
      ]),
    );
    await sample.write('go', '');
    expect((await first.ended).status).toBe(0);
    expect(await sample.read('pve/qemu-server/100.conf')).toBe(before);
  });
});

function flockStatus(sample: DumpSample): number {
  return spawnSync('flock', ['--nonblock', sample.path('lock'), 'true']).status!;
}
