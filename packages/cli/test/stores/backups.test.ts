import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdir, readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { scratch, testWith } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import { CLI, errorDocument, linesOf, runCli, runCliForJson, runCliWell } from '../support/running-cli.js';

const VM = 'vzdump-qemu-100-2024_03_12-18_00_00.vma.zst';
const CONTAINER = 'vzdump-lxc-101-2024_03_11-00_00_00.tar';
const RENAMED = 'vzdump-qemu-100-before-upgrade.vma';

/** Names are read in this zone, wherever the tests run. */
const env = { TZ: 'Pacific/Auckland' };

async function fill(...names: readonly string[]): Promise<string> {
  const directory = await scratch();
  for (const name of names) await writeFile(join(directory, name), name);
  return directory;
}

/** Two backups of a VM on each of three days. */
const SIX = ['10', '11', '12'].flatMap((day) => {
  return ['06', '18'].map((hour) => `vzdump-qemu-100-2024_03_${day}-${hour}_00_00.vma.zst`);
});

describe('backups', () => {
  test('for people', async () => {
    const directory = await fill(VM, CONTAINER, RENAMED, 'disk.raw', `${CONTAINER}.protected`);
    await truncate(join(directory, CONTAINER), 12_000_000);
    await writeFile(join(directory, `${VM}.notes`), 'web\u001b[31m server\nsecond line');
    execFileSync('touch', ['-d', '2024-03-12T07:00:00Z', join(directory, RENAMED)]);
    expect((await runCliWell(['backups', directory], { env })).toString().split('\n')).toEqual([
      'GUEST     TIME                     SIZE  STATE      NAME                                         NOTES',
      `qemu/100  2024-03-12 18:00:00      43 B             ${VM}  web\\x1b[31m server`,
      `qemu/100  2024-03-12 20:00:00      34 B  renamed    ${RENAMED}`,
      `lxc/101   2024-03-11 00:00:00  11.4 MiB  protected  ${CONTAINER}`,
      '',
    ]);
  });

  test('--json', async () => {
    const directory = await fill(VM, RENAMED, `${VM}.protected`, `${VM}.notes`);
    expect(await runCliForJson(['backups', directory], { env })).toEqual({
      directory,
      backups: [
        {
          ...{ path: join(directory, VM), name: VM, standardName: true },
          ...{ type: 'qemu', vmid: 100, ctime: Date.UTC(2024, 2, 12, 5) / 1000, size: 43 },
          ...{ format: 'vma', codec: 'zstd', protected: true, notes: `${VM}.notes` },
        },
        expect.objectContaining({ name: RENAMED, standardName: false, codec: 'none', protected: false }),
      ],
    });
  });

  test('of some guests', async () => {
    const directory = await fill(VM, CONTAINER);
    const names = async (...args: readonly string[]) => {
      const listed = (await runCliForJson(['backups', directory, ...args])) as {
        backups: { name: string }[];
      };
      return listed.backups.map(({ name }) => name);
    };
    expect(await names('--type', 'lxc')).toEqual([CONTAINER]);
    expect(await names('--vmid', '100')).toEqual([VM]);
    expect(await names('--vmid', '100', '--type', 'lxc')).toEqual([]);
  });

  test('where there are none', async () => {
    const directory = await fill('disk.raw');
    const { status, stdout, stderr } = await runCli(['backups', directory]);
    expect([status, stdout.length, stderr]).toEqual([0, 0, `there are no backups in ${directory}\n`]);
    expect(await runCliForJson(['backups', directory])).toEqual({ directory, backups: [] });
  });

  test('names are told in one line, whatever they are', async () => {
    const directory = join(await scratch(), 'a\n\u001b[31mb');
    await mkdir(directory);
    const { stderr } = await runCli(['backups', directory]);
    expect(stderr).toMatch(/^there are no backups in .*\/a\\x0a\\x1b\[31mb\n$/);
  });

  test('what cannot be read is a warning', async () => {
    const directory = await fill(VM);
    await mkdir(join(directory, `${VM}.notes`));
    const { status, stdout, stderr } = await runCli(['backups', directory]);
    expect(status).toBe(3);
    expect(stdout.toString()).toContain(VM);
    expect(stderr).toMatch(/^vzdump-format: warning: .*\.notes is taken for empty: /);
  });

  test('a directory that is not there', async () => {
    const { status, stderr } = await runCli(['backups', '/nonexistent']);
    expect([status, stderr]).toEqual([1, 'vzdump-format: /nonexistent: no such file or directory\n']);
  });
});

describe('prune', () => {
  const rules = ['--keep-last', '2', '--keep-daily', '2'];
  const decisions = [
    ['remove', SIX[0], 'keep-daily: a newer backup of the same day is kept'],
    ['keep', SIX[1], 'keep-daily: 2 of 2'],
    ['remove', SIX[2], 'keep-daily: a newer backup of the same day is kept'],
    ['keep', SIX[3], 'keep-daily: 1 of 2'],
    ['keep', SIX[4], 'keep-last: 2 of 2'],
    ['keep', SIX[5], 'keep-last: 1 of 2'],
  ];
  const kept = [SIX[1], SIX[3], SIX[4], SIX[5]];

  test('--dry-run says what and why, and removes nothing', async () => {
    const directory = await fill(...SIX);
    const { status, stdout, stderr } = await runCli(['prune', directory, ...rules, '--dry-run']);
    const [headings, ...lines] = linesOf(stdout.toString()).map((line) => line.split(/ {2,}/));
    expect(headings).toEqual(['MARK', 'GUEST', 'TIME', 'NAME', 'REASON']);
    expect(lines.map(([mark, , , name, reason]) => [mark, name, reason])).toEqual(decisions);
    expect([status, stderr]).toEqual([0, 'would remove 2 of 6 backups (86 B)\n']);
    expect((await readdir(directory)).sort()).toEqual(SIX);
  });

  test('--quiet says nothing, and does it', async () => {
    const directory = await fill(...SIX);
    const quiet = { status: 0, stdout: Buffer.alloc(0), stderr: '' };
    expect(await runCli(['prune', directory, ...rules, '--quiet', '--dry-run'])).toMatchObject(quiet);
    expect(await readdir(directory)).toHaveLength(6);
    expect(await runCli(['prune', directory, ...rules, '--quiet'])).toMatchObject(quiet);
    expect((await readdir(directory)).sort()).toEqual(kept);
  });

  test('removes with logs and notes', async () => {
    const directory = await fill(...SIX, SIX[0]!.replace('.vma.zst', '.log'), `${SIX[2]}.notes`);
    const { status, stdout, stderr } = await runCli(['prune', directory, ...rules]);
    expect(linesOf(stdout.toString())).toHaveLength(7);
    expect(linesOf(stderr)).toEqual([
      `removing backup '${join(directory, SIX[0]!)}'`,
      `removing backup '${join(directory, SIX[2]!)}'`,
      'removed 2 of 6 backups (86 B)',
    ]);
    expect([status, (await readdir(directory)).sort()]).toEqual([0, kept]);
  });

  test('--json', async () => {
    const directory = await fill(...SIX, `${SIX[1]}.protected`, RENAMED);
    const result = await runCliForJson(['prune', directory, '--prune-backups', 'keep-last=2,keep-daily=2'], {
      env,
    });
    expect(result).toEqual({
      ...{ directory, dryRun: false, retention: 'keep-daily=2,keep-last=2' },
      backups: [
        ['keep', 'daily', false],
        ['protected', undefined, false],
        ['remove', 'daily', true],
        ['keep', 'daily', false],
        ['keep', 'last', false],
        ['keep', 'last', false],
        ['renamed', undefined, false],
      ].map(([mark, rule, removed]) => {
        return expect.objectContaining({ mark, ...(rule === undefined ? {} : { rule }), removed });
      }),
    });
    const left = await readdir(directory);
    expect(left).toHaveLength(7);
    expect(left).not.toContain(SIX[2]);
  });

  test('of one guest', async () => {
    const [vm, other] = ['vzdump-qemu-100-2024_03_1', 'vzdump-qemu-101-2024_03_1'].map((name) =>
      [1, 2].map((day) => `${name}${day}-00_00_00.vma`),
    );
    const directory = await fill(...vm!, ...other!);
    await runCliWell(['prune', directory, '--keep-last', '1', '--vmid', '100', '--type', 'qemu']);
    expect((await readdir(directory)).sort()).toEqual([vm![1], ...other!]);
  });

  test('the day is the local one', async () => {
    const names = ['11-23_30', '12-00_30', '12-12_30'].map((time) => `vzdump-lxc-100-2024_03_${time}_00.tar`);
    const directory = await fill(...names);
    await runCliWell(['prune', directory, '--keep-daily', '2'], { env });
    expect((await readdir(directory)).sort()).toEqual([names[0], names[2]]);
  });

  test.each([
    ['--keep-all'],
    ['--keep-last', '0'],
    ['--prune-backups', 'keep-all=1'],
    ['--prune-backups', ''],
  ])('%s %s keeps all', async (...args) => {
    const directory = await fill(...SIX);
    await runCliWell(['prune', directory, ...args]);
    expect(await readdir(directory)).toHaveLength(6);
  });

  test.each([
    [[], 'nothing says which backups to keep', /^give --keep-last N/],
    [['--dry-run'], 'nothing says which backups to keep', /^give --keep-last N/],
    [['--keep-last', '-1'], /--keep-last takes a whole number, 0 or more, not '-1'/, /prune --help/],
    [['--keep-daily', 'x'], /--keep-daily takes a whole number/, /prune --help/],
    [['--keep-all', '--keep-last', '1'], /^keep-all cannot be set together/, /keep-all=1, or/],
    [['--prune-backups', 'keep-last=1', '--keep-last', '1'], /takes the place of/, /prune --help/],
    [['--prune-backups', 'foo=1'], /^--prune-backups: foo: property is not defined/, /keep-last=N/],
    [['--prune-backups', 'keep-last=1', '--vmid', '99'], /--vmid takes a whole number, 100 to/, /--help/],
    [['--prune-backups', 'keep-last=1', '--type', 'openvz'], /'openvz' is invalid/, /prune --help/],
  ])('%j is refused, and nothing removed', async (args, message, hint) => {
    const directory = await fill(...SIX);
    const { status, stdout, stderr } = await runCli(['prune', directory, ...args]);
    const [first = '', second = ''] = linesOf(stderr);
    expect(first.replace('vzdump-format: ', '')).toMatch(message);
    expect(second.replace('hint: ', '')).toMatch(hint);
    expect([status, stdout.length, (await readdir(directory)).length]).toEqual([2, 0, 6]);
  });

  testWith(['root'], 'what cannot be removed fails, and the others are removed', async () => {
    const directory = await fill(...SIX);
    const busy = join(directory, SIX[0]!);
    execFileSync('mount', ['--bind', busy, busy]); // cannot be removed as long as it is mounted here
    try {
      const result = await runCli(['prune', directory, '--keep-last', '4']);
      expect(linesOf(result.stderr)).toEqual([
        `removing backup '${busy}'`,
        expect.stringMatching(/^vzdump-format: error when removing backup '.*' - EBUSY: /),
        `removing backup '${join(directory, SIX[1]!)}'`,
        'removed 1 of 6 backups (43 B)',
      ]);
      expect(result.status).toBe(1);
      expect(await readdir(directory)).toHaveLength(5);
      const json = await runCli(['prune', directory, '--keep-last', '4', '--json']);
      expect(JSON.parse(json.stdout.toString()).backups[0]).toMatchObject({ mark: 'remove', removed: false });
      expect(errorDocument(json)).toMatchObject({ type: 'error', code: 'BACKUP_REMOVE', entry: busy });
    } finally {
      execFileSync('umount', [busy]);
    }
  });

  test('where it cannot say what it is about to do, it does nothing', async () => {
    const directory = await fill(...SIX);
    const args = [CLI, 'prune', directory, '--keep-last', '1'];
    const full = openSync('/dev/full', 'w');
    try {
      const { status, stderr } = spawnSync(process.execPath, args, { stdio: ['ignore', full, 'pipe'] });
      expect(stderr.toString()).toMatch(/standard output: no space left on device/);
      expect(status).toBe(1);
    } finally {
      closeSync(full);
    }
    expect(await readdir(directory)).toHaveLength(6);
  });
});

describe('notes', () => {
  const text = 'Grüße\nwithout an end of line: \\n {{vmid}}';

  test('are set and shown as they are', async () => {
    const archive = join(await fill(VM), VM);
    expect((await runCliWell(['notes', archive, text])).length).toBe(0);
    expect((await runCliWell(['notes', archive])).toString()).toBe(text);
    expect(await readFile(`${archive}.notes`, 'utf8')).toBe(text);
    expect(await runCliForJson(['notes', archive])).toEqual({ path: archive, notes: text });
    const set = await runCliWell(['notes', archive, '--json', '--', '--new']);
    expect(JSON.parse(set.toString())).toEqual({ path: archive, notes: '--new' });
  });

  test('come from a file or standard input', async () => {
    const directory = await fill(VM);
    const archive = join(directory, VM);
    await writeFile(join(directory, 'text'), `${text}\n`);
    await runCliWell(['notes', archive, '--file', join(directory, 'text')]);
    expect((await runCliWell(['notes', archive])).toString()).toBe(`${text}\n`);
    await runCliWell(['notes', archive, '--file', '-'], { stdin: Buffer.from('\ufeffpiped\r\n') });
    expect((await runCliWell(['notes', archive])).toString()).toBe('\ufeffpiped\r\n');
  });

  test('of another encoding are shown byte for byte', async () => {
    const archive = join(await fill(VM), VM);
    await writeFile(`${archive}.notes`, Buffer.of(0x47, 0xf6, 0x0a));
    expect([...(await runCliWell(['notes', archive]))]).toEqual([0x47, 0xf6, 0x0a]);
  });

  test.each([[['--clear']], [['']], [['--file', '/dev/null']]])('%j removes them', async (args) => {
    const directory = await fill(VM, `${VM}.notes`);
    await runCliWell(['notes', join(directory, VM), ...args]);
    expect(await readdir(directory)).toEqual([VM]);
    const { status, stdout, stderr } = await runCli(['notes', join(directory, VM)]);
    expect([status, stdout.length, stderr]).toEqual([0, 0, `${join(directory, VM)} has no notes\n`]);
  });

  test.each([
    [['text', '--clear'], 2, /one of these$/],
    [['--file', 'a', '--clear'], 2, /one of these$/],
    [['text', 'more'], 2, /^too many arguments/],
    [['--file', '/nonexistent'], 1, /^\/nonexistent: no such file or directory$/],
    [['--file', '/dev/zero'], 1, /^notes of more than 1048576 bytes, for /],
    [['--file', process.execPath], 1, /^notes of more than /],
  ])('%j is refused, and they stay', async (args, status, message) => {
    const archive = join(await fill(VM, `${VM}.notes`), VM);
    const result = await runCli(['notes', archive, ...args]);
    expect(linesOf(result.stderr)[0]!.replace('vzdump-format: ', '')).toMatch(message);
    expect([result.status, await readFile(`${archive}.notes`, 'utf8')]).toEqual([status, `${VM}.notes`]);
  });

  test('that are no text in UTF-8 are refused', async () => {
    const archive = join(await fill(VM), VM);
    const { status, stderr } = await runCli(['notes', archive, '--file', '-'], {
      stdin: Buffer.of(0x47, 0xf6),
    });
    expect(linesOf(stderr)).toEqual([
      'vzdump-format: standard input is not a text in UTF-8',
      expect.stringMatching(/^hint: .*iconv/),
    ]);
    expect(status).toBe(1);
  });

  test('are for backups', async () => {
    const directory = await fill('letter.txt');
    const { status, stderr } = await runCli(['notes', join(directory, 'letter.txt'), 'a']);
    expect(stderr).toMatch(/^vzdump-format: couldn't determine archive info from '.*letter\.txt'\nhint: /);
    expect([status, await readdir(directory)]).toEqual([1, ['letter.txt']]);
  });
});

describe('protect', () => {
  test('on, off, show', async () => {
    const directory = await fill(VM);
    const archive = join(directory, VM);
    const shown = async () => (await runCliWell(['protect', archive, '--show'])).toString();
    expect(await shown()).toBe('not protected\n');
    expect((await runCliWell(['protect', archive])).length).toBe(0);
    expect(await shown()).toBe('protected\n');
    expect((await readdir(directory)).sort()).toEqual([VM, `${VM}.protected`]);
    expect(await runCliForJson(['protect', archive, '--show'])).toEqual({ path: archive, protected: true });
    expect(await runCliForJson(['protect', archive, '--off'])).toEqual({ path: archive, protected: false });
    expect(await shown()).toBe('not protected\n');
  });

  test('keeps from being pruned', async () => {
    const directory = await fill(...SIX);
    await runCliWell(['protect', join(directory, SIX[0]!)]);
    await runCliWell(['prune', directory, '--keep-last', '1']);
    expect((await readdir(directory)).sort()).toEqual([SIX[0], `${SIX[0]}.protected`, SIX[5]]);
  });

  test.each([
    [['/nonexistent.vma'], 1, '/nonexistent.vma: no such file or directory'],
    [['/etc/passwd'], 1, "couldn't determine archive info from '/etc/passwd'"],
    [['a.vma', '--off', '--show'], 2, '--off changes the protection, and --show changes nothing'],
  ])('%j is refused', async (args, status, message) => {
    const result = await runCli(['protect', ...args]);
    expect(linesOf(result.stderr)[0]).toBe(`vzdump-format: ${message}`);
    expect(result.status).toBe(status);
  });
});
