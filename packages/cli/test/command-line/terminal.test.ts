import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { vectorPath } from '@vzdump-format/test-vectors';
import { runTool, scratch, testWith } from '@vzdump-format/testing';
import { describe, expect } from 'vitest';
import { writeNoise } from '../support/disk-content.js';
import { CLI, runCliWell } from '../support/running-cli.js';
import { makeSampleGuests } from '../support/sample-guests.js';

const ARCHIVE = vectorPath('vma/two-drives-two-configs.vma');

/**
 * Runs a shell command on a terminal, by `script`. @returns what the terminal showed, then the exit status
 */
async function onTerminal(command: string): Promise<{ shown: string; status: number }> {
  const line = `${command}; echo "status=$?"`;
  const shown = await runTool('script', '--quiet', '--command', line, '/dev/null');
  return { shown, status: Number(/status=(\d+)/.exec(shown)?.[1]) };
}

function quoted(...words: readonly string[]): string {
  return [process.execPath, CLI, ...words].map((word) => `'${word}'`).join(' ');
}

describe('on a terminal', () => {
  testWith(['script'], 'no binary is written to it', async () => {
    const directory = await scratch();
    for (const words of [
      ['cat', ARCHIVE, 'drive-virtio0'],
      ['pack', '-', '--format', 'vma', '--drive', `a=${ARCHIVE}`],
    ]) {
      const { shown, status } = await onTerminal(`cd ${directory} && ${quoted(...words)}`);
      expect(shown).toMatch(/is binary data, which is not written to a terminal\r\nhint: redirect it/);
      expect(shown).not.toContain('VMA');
      expect(status).toBe(2);
    }
  });

  testWith(['script'], 'no archive is read from it', async () => {
    const { shown, status } = await onTerminal(quoted('list', '-'));
    expect(shown).toContain('an archive cannot be read from a terminal');
    expect(status).toBe(2);
  });

  testWith(['script'], 'what is stored is shown there as text alone', async () => {
    const directory = await scratch();
    const stored = 'first\x1b[2J\n\tsecond\x9b\u202e\n';
    const [file, archive] = [join(directory, 'qemu-server.conf'), join(directory, 'a.vma')];
    await writeFile(file, stored);
    await runCliWell(['pack', archive, '--config', file]);
    expect((await runCliWell(['config', archive])).toString()).toBe(stored);
    await runCliWell(['notes', archive, '--file', file]);
    for (const command of ['config', 'notes']) {
      const { shown } = await onTerminal(quoted(command, archive));
      expect(shown).toContain('first\\x1b[2J\r\n    second\\x9b\\u{202e}\r\n');
    }
  });

  testWith(['script'], 'progress is one line that is redrawn, within its width', async () => {
    const directory = await scratch();
    await writeNoise(join(directory, 'disk.raw'), 4 << 20);
    const words = ['pack', join(directory, 'a.vma'), '--drive', `scsi0=${join(directory, 'disk.raw')}`];
    const { shown, status } = await onTerminal(`stty cols 40; ${quoted(...words)}`);
    const [progress = '', ...after] = shown.split('\r\n');
    const drawn = progress.split('\r').filter((part) => part !== '');
    expect(drawn[0]).toMatch(/^ {2}0% \(0 B of 4\.0 MiB\) in 0s/);
    expect(drawn.at(-1)).toMatch(/^100% \(4\.0 MiB of 4\.0 MiB\) in \d+s/);
    for (const line of drawn) expect(line.replace('\x1b[K', '').length).toBeLessThan(40);
    expect(after[0]).toMatch(/^transferred 4\.0 MiB in /);
    expect(status).toBe(0);
  });

  testWith(
    ['script'],
    "a dump's line stays below its log, says whose turn it is, and ends first",
    async () => {
      const { path, dumpArgs } = await makeSampleGuests();
      await writeNoise(path('storage/images/101/subvol-101-disk-0.subvol/large'), 5 << 20);
      const words = ['dump', '100', '101', '999', ...dumpArgs, '--dumpdir', path('storage/archive')];
      const { shown, status } = await onTerminal(quoted(...words, '--bwlimit', '4096'));
      expect(status).toBe(1);
      const drawn = shown.split(/[\r\n]/).filter((part) => part.endsWith('\x1b[K') && part !== '\x1b[K');
      const redrawn = shown.slice(0, shown.indexOf('INFO: Finished Backup of VM 101'));
      const steps = [...redrawn.matchAll(/101 \(2 of 3\): (\S+ \S+) in /g)].map(([, bytes]) => bytes);
      expect(new Set(steps).size).toBeGreaterThan(2); // within the one large file
      expect(drawn.filter((line) => !/^\d+ \([123] of 3\)/.test(line))).toEqual([]);
      // In the end, each line is of the log.
      const lines = shown
        .replaceAll(/[^\r\n]*\r(?!\n)/g, '')
        .replaceAll('\x1b[K', '')
        .split('\r\n');
      const others = lines.filter((line) => !/^(INFO|WARN|ERROR): /.test(line));
      expect(others).toEqual(['vzdump-format: job errors', 'status=1', '']);
      for (const [turn, last] of [
        ['101 (2 of 3)', 'INFO: Finished Backup of VM 101'],
        ['999 (3 of 3)', 'ERROR: Backup of VM 999 failed'],
      ] as const) {
        const [before = '', after] = shown.split(last);
        expect(before).toContain(turn);
        expect(before.endsWith('\r\x1b[K')).toBe(true);
        expect(after).not.toContain(turn);
      }
    },
  );

  testWith(['script'], 'an error begins on a line of its own', async () => {
    const directory = await scratch();
    const damaged = vectorPath('vma-bad/two-archives-joined.vma');
    const { shown, status } = await onTerminal(quoted('unpack', damaged, '--to', join(directory, 'out')));
    expect(shown).toContain('\x1b[K\r\nvzdump-format: ');
    expect(status).toBe(1);
  });

  testWith(['script'], 'there is none of it with --quiet or --progress=none', async () => {
    const { shown } = await onTerminal(quoted('verify', ARCHIVE, '--progress=none'));
    expect(shown.startsWith(`${ARCHIVE}: ok `)).toBe(true);
    expect(shown).not.toContain('%');
    expect(await onTerminal(quoted('verify', ARCHIVE, '--quiet'))).toEqual({
      shown: 'status=0\r\n',
      status: 0,
    });
  });
});
