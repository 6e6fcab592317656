import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { vectorPath } from '@vzdump-format/test-vectors';
import { scratch } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import { runCli, runCliForJson, runCliWell } from '../support/running-cli.js';
import { runFed } from '../support/tree-making.js';

const AS_MADE_BY = {
  'GNU tar': (path: string) => void runFed('tar', ['cf', path, '-T', '/dev/null']),
  'pack --exclude-path': (path: string, root: string) =>
    runCliWell(['pack', path, '--root', root, '--exclude-path', '*']),
};

describe.each(Object.entries(AS_MADE_BY))('a tar without entries, made by %s', (_, make) => {
  test.each(['', '.zst'])('with the codec %j', async (codec) => {
    const directory = await scratch();
    const at = (name: string) => join(directory, name);
    mkdirSync(at('root'));
    writeFileSync(at('root/file'), 'left out');
    await make(at('plain.tar'), at('root'));
    const archive = at(`a.tar${codec}`);
    await runCliWell(['convert', at('plain.tar'), archive]);

    expect(await runCliForJson(['list', archive])).toMatchObject({ format: 'tar', entries: [] });
    await runCliWell(['verify', archive]);
    expect(await runCli(['unpack', archive, '--to', at('out')])).toMatchObject({
      ...{ status: 0, stderr: `restored 0 entries\nunpacked to ${at('out')}\n` },
    });
    expect(readdirSync(at('out'))).toEqual([]);
    for (const [args, said] of [
      [['unpack', archive, 'etc', '--to', at('none')], 'nothing in the archive matches etc'],
      [['cat', archive, 'etc/hosts'], 'etc/hosts'],
      [['config', archive], 'there is no etc/vzdump/pct.conf'],
    ] as const) {
      expect(await runCli(args)).toMatchObject({ status: 1, stderr: expect.stringContaining(said) });
    }
    expect((await runCli(['convert', archive, at('a.pxar')])).status).toBe(3); // it had no root
    expect(await runCliForJson(['list', at('a.pxar')])).toMatchObject({ entries: [{ type: 'directory' }] });
    // out of a pipe nothing tells it from a disk of zeros
    expect(await runCli(['list', '-'], { stdin: readFileSync(archive) })).toMatchObject({
      ...{ status: 1, stderr: expect.stringContaining('begins with 0000000000000000') },
    });
  });
});

test('a VMA without drives, or without anything', async () => {
  const directory = await scratch();
  for (const name of ['config-only-no-device', 'empty-archive']) {
    const archive = vectorPath(`vma/${name}.vma`);
    const to = join(directory, name);
    const { configs } = (await runCliForJson(['list', archive])) as { configs: { name: string }[] };
    await runCliWell(['verify', archive]);
    await runCliWell(['unpack', archive, '--to', to]);
    expect(readdirSync(to)).toEqual(configs.map((config) => config.name));
    await runCliWell(['convert', archive, `${to}.vma.gz`]);
  }
});
