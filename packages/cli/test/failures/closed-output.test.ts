import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { vectorBytes, vectorPath } from '@vzdump-format/test-vectors';
import { runTool, scratch, testWith } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import { writeNoise } from '../support/disk-content.js';
import { CLI, startCli } from '../support/running-cli.js';

const ARCHIVE = vectorPath('vma/two-drives-two-configs.vma');
const TREE = vectorPath('pxar/types.pxar');
/** As a shell tells of a program that SIGPIPE has ended. */
const QUIETLY = { status: 141, stderr: '' };

describe('when the reader of standard output goes away, that is the end, and nothing is said', () => {
  test.each([
    [['cat', ARCHIVE, 'drive-virtio0']],
    [['cat', `${ARCHIVE}.zst`, 'drive-virtio0']],
    [['cat', `${ARCHIVE}.zst`, 'drive-virtio0', '--json', '--verbose']],
    [['convert', ARCHIVE, '-']],
    [['pack', '-', '--format', 'vma', '--compress', 'zstd', '--drive', 'a=disk.raw', '--progress', 'none']],
    [['pack', '-', '--format', 'tar', '--root', 'tree']],
    [['pack', '-', '--format', 'pxar', '--root', 'tree', '--compress', 'lzo']],
  ])('after the first bytes: %j', async (args) => {
    const cwd = await scratch();
    await mkdir(join(cwd, 'tree'));
    for (const name of ['disk.raw', 'tree/file']) await writeNoise(join(cwd, name), 4 << 20);
    const { child, ended } = startCli(args, { readsOutput: false, cwd });
    const stderr: Buffer[] = [];
    child.stderr.on('data', (text) => stderr.push(text));
    child.stdout.once('readable', () => child.stdout.destroy());
    expect({ status: (await ended).status, stderr: Buffer.concat(stderr).toString() }).toEqual(QUIETLY);
  });

  test.each([
    [['list', ARCHIVE]],
    [['list', TREE]],
    [['list', TREE, '--json']],
    [['verify', ARCHIVE]],
    [['verify', ARCHIVE, '--json']],
    [['config', ARCHIVE]],
    [['cat', TREE, 'a-file']],
    [['backups', '.']],
    [['notes', 'vzdump-qemu-100-2026_11_20-02_00_00.vma']],
    [['protect', 'vzdump-qemu-100-2026_11_20-02_00_00.vma', '--show']],
    [['prune', '.', '--keep-last', '1', '--dry-run']],
    [['--help']],
    [['pack', '--help']],
    [['man']],
    [['completion', 'bash']],
  ])('before them: %j', async (args) => {
    const cwd = await scratch();
    const backup = join(cwd, 'vzdump-qemu-100-2026_11_20-02_00_00.vma');
    await writeFile(backup, vectorBytes('vma/two-drives-two-configs.vma'));
    await writeFile(`${backup}.notes`, 'of it');
    const { child, ended } = startCli(args, { readsOutput: false, cwd });
    child.stdout.destroy();
    expect(await ended).toMatchObject(QUIETLY);
  });

  test('though more of the archive is waited for', async () => {
    const bytes = vectorBytes('vma/two-drives-two-configs.vma');
    const { child, ended } = startCli(['cat', '-', 'drive-virtio0'], { readsOutput: false });
    child.stdout.once('readable', () => child.stdout.destroy());
    child.stdin.write(bytes.subarray(0, -100_000)); // and it stays open
    expect(await ended).toMatchObject(QUIETLY);
  });

  testWith(['bash'], 'as in a shell', async () => {
    const words = `'${process.execPath}' '${CLI}' cat '${ARCHIVE}.zst' drive-virtio0`;
    const said = await runTool(
      'bash',
      '-c',
      `exec 2>&1; ${words} | head -c 10 | wc -c; echo \${PIPESTATUS[0]}`,
    );
    expect(said).toBe('10\n141\n');
  });
});

test('when the reader of standard error goes away, the work goes on', async () => {
  const directory = await scratch();
  const { child, ended } = startCli(['pack', join(directory, 'a.vma'), '--drive', `a=${ARCHIVE}`]);
  child.stderr.destroy();
  expect((await ended).status).toBe(0);
});

testWith(['bash'], 'a full disk behind standard output is one error', async () => {
  for (const words of [`cat '${ARCHIVE}' drive-virtio0`, `list '${ARCHIVE}'`, '--help']) {
    const command = `'${process.execPath}' '${CLI}' ${words} 2>&1 > /dev/full; echo "status=$?"`;
    expect(await runTool('bash', '-c', command)).toBe(
      'vzdump-format: standard output: no space left on device\nstatus=1\n',
    );
  }
});
