import { join } from 'node:path';
import { vectorPath } from '@vzdump-format/test-vectors';
import { describe, expect, test } from 'vitest';
import { writeNoise } from './disk-content.js';
import { CLI, startCli } from './running-cli.js';
import { scratch } from './scratch.js';
import { runTool, testWithTools } from './tools.js';

const ARCHIVE = vectorPath('vma/two-drives-two-configs.vma');
const GONE = 'vzdump-format: standard output: broken pipe\n';

describe('when the reader of standard output goes away, that is one error', () => {
  test.each([
    ['cat', ['cat', ARCHIVE, 'drive-virtio0']],
    ['cat of a compressed archive', ['cat', `${ARCHIVE}.zst`, 'drive-virtio0']],
  ])('%s', async (_, args) => {
    const { child, ended } = startCli(args, { readsOutput: false });
    const stderr: Buffer[] = [];
    child.stderr.on('data', (text) => stderr.push(text));
    child.stdout.once('readable', () => child.stdout.destroy());
    expect((await ended).status).toBe(1);
    expect(stderr.join('')).toBe(GONE);
  });

  test('pack', async () => {
    const disk = join(await scratch(), 'disk.raw');
    await writeNoise(disk, 4 << 20);
    const args = ['pack', '-', '--format', 'vma', '--compress', 'zstd', '--drive', `a=${disk}`];
    const { child, ended } = startCli(args, { readsOutput: false });
    child.stdout.once('readable', () => child.stdout.destroy());
    expect((await ended).status).toBe(1);
  });

  test.each([[['list', ARCHIVE]], [['verify', ARCHIVE]], [['config', ARCHIVE]]])('%j', async (args) => {
    const { child, ended } = startCli(args, { readsOutput: false });
    child.stdout.destroy();
    expect(await ended).toMatchObject({ status: 1, stderr: GONE });
  });

  test.each([[['--help']], [['pack', '--help']], [['--version']], [['man']], [['completion', 'bash']]])(
    '%j',
    async (args) => {
      const { child, ended } = startCli(args, { readsOutput: false });
      child.stdout.destroy();
      expect(await ended).toMatchObject({ status: 1, stderr: GONE });
    },
  );
});

test('when the reader of standard error goes away, the work goes on', async () => {
  const directory = await scratch();
  const { child, ended } = startCli(['pack', join(directory, 'a.vma'), '--drive', `a=${ARCHIVE}`]);
  child.stderr.destroy();
  expect((await ended).status).toBe(0);
});

testWithTools(['bash'], 'a full disk behind standard output is one error', async () => {
  for (const words of [`cat '${ARCHIVE}' drive-virtio0`, `list '${ARCHIVE}'`, '--help']) {
    const command = `'${process.execPath}' '${CLI}' ${words} 2>&1 > /dev/full; echo "status=$?"`;
    expect(await runTool('bash', '-c', command)).toBe(
      'vzdump-format: standard output: no space left on device\nstatus=1\n',
    );
  }
});
