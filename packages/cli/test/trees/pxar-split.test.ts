import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { runTool, scratch, testWith } from '@vzdump-format/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { writeNoise } from '../support/disk-content.js';
import { nameIn, PARTIAL } from '../support/partial-files.js';
import { errorDocument, linesOf, runCli, runCliWell, startCli } from '../support/running-cli.js';

/** A directory with a tree `root` in it, and where to make archives: `out`. */
async function workplace(): Promise<{ directory: string; root: string; out: string }> {
  const directory = await scratch();
  const [root, out] = [`${directory}/root`, `${directory}/out`];
  mkdirSync(`${root}/etc`, { recursive: true });
  mkdirSync(out);
  writeFileSync(`${root}/etc/hosts`, 'localhost\n');
  await writeNoise(`${root}/noise`, 2 << 20);
  return { directory, root, out };
}

describe('without its contents', () => {
  const NEEDS_CONTENTS = [
    ['verify', []],
    ['unpack', ['--to', 'restored']],
    ['cat', ['etc/hosts']],
    ['convert', ['b.tar']],
    ['config', []],
  ] as const;

  test('an archive is listed, and nothing else', async () => {
    const { root, out } = await workplace();
    await runCliWell(['pack', `${out}/a.mpxar`, '--root', root]);
    const before = await runCliWell(['list', `${out}/a.mpxar`]);
    renameSync(`${out}/a.ppxar`, `${out}/elsewhere`);
    expect((await runCliWell(['list', `${out}/a.mpxar`])).equals(before)).toBe(true);
    for (const [command, [argument, ...rest]] of NEEDS_CONTENTS.map(
      ([name, args]) => [name, args as readonly string[]] as const,
    )) {
      const args = [command, `${out}/a.mpxar`, ...(argument === undefined ? [] : [argument, ...rest])];
      const result = await runCli([...args, '--json'], { cwd: out });
      const error =
        command === 'verify'
          ? JSON.parse(result.stdout.toString()).archives[0].errors[0]
          : errorDocument(result);
      expect([command, result.status, error]).toMatchObject([command, 1, { code: 'PAYLOAD_NOT_FOUND' }]);
    }
    expect(readdirSync(out).sort()).toEqual(['a.mpxar', 'elsewhere']);
  });

  test('--payload says where they are', async () => {
    const { root, out } = await workplace();
    await runCliWell(['pack', `${out}/a.mpxar`, '--payload', `${out}/elsewhere`, '--root', root]);
    expect(readdirSync(out).sort()).toEqual(['a.mpxar', 'elsewhere']);
    const where = ['--payload', `${out}/elsewhere`];
    await runCliWell(['verify', `${out}/a.mpxar`, ...where]);
    expect((await runCliWell(['cat', `${out}/a.mpxar`, 'etc/hosts', ...where])).toString()).toBe(
      'localhost\n',
    );
    const stdin = readFileSync(`${out}/a.mpxar`);
    await runCliWell(['unpack', '-', '--to', `${out}/restored`, ...where], { stdin });
    await runTool('diff', '-r', root, `${out}/restored`);
    await runCliWell(['convert', `${out}/a.mpxar`, `${out}/b.pxar`, ...where]);
    await runCliWell(['pack', `${out}/c.pxar`, '--root', root]);
    expect(readFileSync(`${out}/b.pxar`).equals(readFileSync(`${out}/c.pxar`))).toBe(true);
  });

  test('those of another archive are refused', async () => {
    const { root, out } = await workplace();
    await runCliWell(['pack', `${out}/a.mpxar`, '--root', root]);
    writeFileSync(`${root}/etc/hosts`, 'other\n');
    await runCliWell(['pack', `${out}/b.mpxar`, '--root', root]);
    const args = ['verify', `${out}/a.mpxar`, '--payload', `${out}/b.ppxar`];
    const { status, stderr } = await runCli(args);
    expect(stderr).toMatch(/etc\/hosts: .*\(at byte 16\)\nhint: is it the \.ppxar of this \.mpxar\?\n$/);
    expect(status).toBe(1);
  });

  test('those of an archive that has its own are of no use, which is told', async () => {
    const { root, out } = await workplace();
    await runCliWell(['pack', `${out}/a.mpxar`, '--root', root]);
    await runCliWell(['pack', `${out}/b.pxar`, '--root', root]);
    for (const args of [['list'], ['verify'], ['cat', 'etc/hosts'], ['unpack', '--to', `${out}/restored`]]) {
      const [command, ...more] = args;
      const all = [command!, `${out}/b.pxar`, ...more, '--payload', `${out}/a.ppxar`];
      const { status, stderr } = await runCli(all);
      expect([status, stderr]).toEqual([
        0,
        expect.stringMatching(/notice: the archive is not split: .*\nhint: leave --payload out\n/),
      ]);
    }
  });

  test('those alone say where to look', async () => {
    const { root, out } = await workplace();
    await runCliWell(['pack', `${out}/a.mpxar`, '--root', root]);
    const { status, stderr } = await runCli(['list', `${out}/a.ppxar`]);
    expect([status, stderr]).toEqual([1, expect.stringContaining('hint: name the archive (.mpxar)')]);
  });
});

describe('refused before anything is written', () => {
  test.each([
    ['codecs', ['a.mpxar.zst']],
    ['codecs by option', ['a.mpxar', '--compress', 'zstd']],
    ['a payload of what is one file', ['a.pxar', '--payload', 'x']],
    ['a payload of a tar', ['a.tar', '--payload', 'x']],
    ['one file for both', ['a.mpxar', '--payload', './a.mpxar']],
    ['what is there', ['there.mpxar']],
    ['contents that are there', ['a.mpxar', '--payload', 'there.mpxar']],
  ])('%s', async (_, [name, ...options]) => {
    const { root, out } = await workplace();
    writeFileSync(`${out}/there.mpxar`, 'precious');
    const { status, stderr } = await runCli(['pack', name!, '--root', root, ...options], { cwd: out });
    expect([status === 1 || status === 2, stderr]).toEqual([
      true,
      expect.stringMatching(/^vzdump-format: .*\n/),
    ]);
    expect(readdirSync(out)).toEqual(['there.mpxar']);
    expect(readFileSync(`${out}/there.mpxar`, 'utf8')).toBe('precious');
  });
});

describe('both files, or none', () => {
  test('--force replaces both', async () => {
    const { root, out } = await workplace();
    for (const name of ['a.mpxar', 'a.ppxar']) writeFileSync(`${out}/${name}`, 'old');
    await runCliWell(['pack', `${out}/a.mpxar`, '--root', root, '--force']);
    await runCliWell(['verify', `${out}/a.mpxar`]);
    expect(readdirSync(out).sort()).toEqual(['a.mpxar', 'a.ppxar']);
  });

  test.each(['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM'] as const)('%s leaves nothing', async (signal) => {
    const { root, out } = await workplace();
    const running = startCli(['pack', `${out}/a.mpxar`, '--root', root, '--bwlimit', '64']);
    await nameIn(out, PARTIAL);
    running.child.kill(signal);
    expect((await running.ended).status).toBe(128 + constants.signals[signal]);
    expect(readdirSync(out)).toEqual([]);
  });

  test('SIGTERM during a conversion leaves nothing', async () => {
    const { root, out } = await workplace();
    const tar = await runCliWell(['pack', '-', '--format', 'tar', '--root', root]);
    const running = startCli(['convert', '-', `${out}/a.mpxar`]);
    running.child.stdin.write(tar.subarray(0, 300_000));
    await nameIn(out, PARTIAL);
    running.child.kill('SIGTERM');
    expect((await running.ended).status).toBe(143);
    expect(readdirSync(out)).toEqual([]);
  });

  testWith(['root'], 'a full disk is one error, and nothing is left', async () => {
    const { directory, root, out } = await workplace();
    const small = `${directory}/small`;
    mkdirSync(small);
    await runTool('mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', small);
    onTestFinished(async () => {
      await runTool('umount', small);
    });
    const beside = await runCli(['pack', `${small}/a.mpxar`, '--root', root]);
    const full = (path: string) => expect.stringMatching(`\\.partial → ${path}: no space left on device$`);
    expect(linesOf(beside.stderr)).toEqual([full(`${small}/a.ppxar`)]);
    const elsewhere = await runCli(['pack', `${out}/a.mpxar`, '--payload', `${small}/x`, '--root', root]);
    expect(linesOf(elsewhere.stderr)).toEqual([full(`${small}/x`)]);
    expect([beside.status, elsewhere.status, readdirSync(small), readdirSync(out)]).toEqual([1, 1, [], []]);
  });

  test('an archive that goes bad half-way becomes no other', async () => {
    const { root, out } = await workplace();
    await runCliWell(['pack', `${out}/a.mpxar`, '--root', root]);
    const contents = readFileSync(`${out}/a.ppxar`);
    writeFileSync(`${out}/a.ppxar`, contents.subarray(0, -1));
    for (const target of ['b.pxar', 'b.tar', 'b.tar.zst', 'b.mpxar']) {
      const { status, stderr } = await runCli(['convert', `${out}/a.mpxar`, `${out}/${target}`]);
      expect([status, stderr]).toEqual([1, expect.stringContaining('the payload stream')]);
    }
    expect(readdirSync(out).sort()).toEqual(['a.mpxar', 'a.ppxar']);
  });
});
