import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { goldenPxars, vectorPath } from '@vzdump-format/test-vectors';
import { runTool, scratch, testWith } from '@vzdump-format/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { errorDocument, linesOf, runCli, runCliForJson, runCliWell } from '../support/running-cli.js';
import { stateOf, type TreeState, testWithTrees, useKeptTree } from '../support/tree-making.js';

let root: string;
let packed: TreeState;
useKeptTree((made) => {
  ({ root, packed } = made);
});

interface Listing {
  readonly entries: readonly { readonly path: string; readonly type: string; readonly flags?: number }[];
}

async function pathsIn(archive: string): Promise<string[]> {
  const { entries } = (await runCliForJson(['list', archive])) as Listing;
  return entries.map(({ path }) => path);
}

describe.each(['.pxar', '.pxar.zst', '.pxar.gz', '.mpxar'])('a tree in a %s', (extension) => {
  testWithTrees('is restored with all that it has', async () => {
    const directory = await scratch();
    const archive = `${directory}/root${extension}`;
    await runCliWell(['pack', archive, '--root', root]);
    await runCliWell(['verify', archive]);
    await runCliWell(['unpack', archive, '--to', `${directory}/restored`]);
    expect(stateOf(`${directory}/restored`)).toEqual(packed);
    expect((await runCliWell(['cat', archive, 'etc/hosts'])).toString()).toBe('127.0.0.1 localhost\n');
    const large = await runCliWell(['cat', archive, './etc/large']);
    expect(large.equals(readFileSync(`${root}/etc/large`))).toBe(true);
  });
});

testWithTrees('the same tree gives the same archive, whatever way it takes', async () => {
  const directory = await scratch();
  await runCliWell(['pack', `${directory}/a.pxar`, '--root', root]);
  await runCliWell(['pack', `${directory}/a.mpxar`, '--root', root]);
  const piped = await runCliWell(['pack', '-', '--format', 'pxar', '--root', root]);
  expect(piped.equals(readFileSync(`${directory}/a.pxar`))).toBe(true);
  await runCliWell([
    'pack',
    '-',
    '--format',
    'pxar',
    '--payload',
    `${directory}/b.ppxar`,
    '--root',
    root,
  ]).then((bytes) => writeFileSync(`${directory}/b.mpxar`, bytes));
  for (const name of ['mpxar', 'ppxar']) {
    expect(readFileSync(`${directory}/b.${name}`).equals(readFileSync(`${directory}/a.${name}`))).toBe(true);
  }
});

testWithTrees('a part of a tree, out of a pipe', async () => {
  const directory = await scratch();
  const stdin = await runCliWell(['pack', '-', '--format', 'pxar', '--root', root]);
  await runCliWell(['unpack', '-', 'etc/hosts', 'srv', '--to', directory], { stdin });
  expect(readdirSync(directory).sort()).toEqual(['etc', 'srv']);
  expect(readdirSync(`${directory}/etc`)).toEqual(['hosts']);
});

describe('the configuration of a container', () => {
  test('stands in its place, whatever the tree has there', async () => {
    const directory = await scratch();
    writeFileSync(`${directory}/101.conf`, 'arch: amd64\n');
    writeFileSync(`${directory}/101.fw`, '[OPTIONS]\n');
    for (const [index, there] of [[], ['etc'], ['etc/vzdump'], ['a', 'etc/zzz', 'z']].entries()) {
      const tree = `${directory}/tree-${index}`;
      mkdirSync(tree);
      for (const name of there) mkdirSync(`${tree}/${name}`, { recursive: true });
      const archive = `${tree}.pxar`;
      const configs = ['--config', `${directory}/101.conf`, '--firewall', `${directory}/101.fw`];
      await runCliWell(['pack', archive, '--root', tree, ...configs]);
      await runCliWell(['verify', archive]);
      expect((await runCliWell(['config', archive])).toString()).toBe('arch: amd64\n');
      expect((await runCliWell(['config', archive, '--name', 'pct.fw'])).toString()).toBe('[OPTIONS]\n');
      await runCliWell(['unpack', archive, '--to', `${tree}-restored`]);
      expect(readdirSync(`${tree}-restored/etc/vzdump`).sort()).toEqual(['pct.conf', 'pct.fw']);
    }
  });

  test('takes the place of one that the tree has, with a warning', async () => {
    const directory = await scratch();
    mkdirSync(`${directory}/tree/etc/vzdump`, { recursive: true });
    writeFileSync(`${directory}/tree/etc/vzdump/pct.conf`, 'old');
    writeFileSync(`${directory}/new.conf`, 'new');
    const archive = `${directory}/a.pxar`;
    const args = ['pack', archive, '--root', `${directory}/tree`, '--config', `${directory}/new.conf`];
    const { status, stderr } = await runCli(args);
    expect([status, stderr]).toEqual([
      3,
      expect.stringContaining('etc/vzdump/pct.conf of the tree is left out'),
    ]);
    expect((await runCliWell(['config', archive])).toString()).toBe('new');
    expect(await pathsIn(archive)).toEqual(['./', './etc/', './etc/vzdump/', './etc/vzdump/pct.conf']);
  });
});

test('cat of what is no file says what to do', async () => {
  const archive = vectorPath('pxar/types.pxar');
  const { entries } = (await runCliForJson(['list', archive])) as Listing;
  const symlink = entries.find(({ type }) => type === 'symlink')!.path;
  for (const [path, what, hint] of [
    ['nothing', 'there is no nothing', 'list shows what there is'],
    ['', ' is no file, but a directory', 'list shows what there is'],
    [symlink, 'is no file, but a symlink', /^hint: it points to .*: ask for that$/],
  ] as const) {
    const { status, stderr } = await runCli(['cat', archive, path]);
    expect(linesOf(stderr)).toEqual([expect.stringContaining(what), expect.stringMatching(hint)]);
    expect(status).toBe(1);
  }
});

describe('what is left out', () => {
  const PATTERNS = ['--exclude', '*.log', '--exclude', '!/var/keep.log', '--exclude', '/tmp/**'];
  const STAYS = ['./', './.pxarexclude', './tmp/', './var/', './var/keep.log', './var/x.tmp/', './var/x.txt'];

  async function makeFiles(): Promise<[directory: string, tree: string]> {
    const directory = await scratch();
    const tree = `${directory}/tree`;
    mkdirSync(`${tree}/var/x.tmp`, { recursive: true });
    mkdirSync(`${tree}/tmp/deep`, { recursive: true });
    for (const name of ['keep.log', 'gone.log', 'x.txt', 'y.tmp']) writeFileSync(`${tree}/var/${name}`, name);
    writeFileSync(`${tree}/.pxarexclude`, '# backups of an editor\n*.tmp\n!x.tmp/\n');
    return [directory, tree];
  }

  test('is left out by the rules of pxar create, and noted', async () => {
    const [directory, tree] = await makeFiles();
    await runCliWell(['pack', `${directory}/a.pxar`, '--root', tree, ...PATTERNS]);
    expect(await pathsIn(`${directory}/a.pxar`)).toEqual([...STAYS, './.pxarexclude-cli']);
    const noted = await runCliWell(['cat', `${directory}/a.pxar`, '.pxarexclude-cli']);
    expect(noted.toString()).toBe('*.log\n!/var/keep.log\n/tmp/**\n');
  });

  test('is noted in the prelude of a split archive, which stays in a split archive', async () => {
    const [directory, tree] = await makeFiles();
    await runCliWell(['pack', `${directory}/a.mpxar`, '--root', tree, ...PATTERNS]);
    expect(await pathsIn(`${directory}/a.mpxar`)).toEqual(STAYS);
    expect(readFileSync(`${directory}/a.mpxar`, 'latin1')).toContain(
      '{"exclude-patterns":"*.log\\n!/var/keep.log\\n/tmp/**\\n"}',
    );
    await runCliWell(['convert', `${directory}/a.mpxar`, `${directory}/b.mpxar`]);
    expect(readFileSync(`${directory}/b.mpxar`).equals(readFileSync(`${directory}/a.mpxar`))).toBe(true);
    const { status, stderr } = await runCli(['convert', `${directory}/a.mpxar`, `${directory}/c.pxar`]);
    expect([status, stderr]).toEqual([0, expect.stringContaining('notice: the prelude is left out')]);
  });

  test('--exclude-path is the same, one of both is enough, and a pattern must mean something', async () => {
    const [directory, tree] = await makeFiles();
    const args = ['pack', `${directory}/a.pxar`, '--root', tree, '--exclude-path', '*.log'];
    await runCliWell(args);
    expect(await pathsIn(`${directory}/a.pxar`)).not.toContain('./var/keep.log');
    expect((await runCli([...args, '--exclude', 'x'])).status).toBe(2);
    const bad = await runCli(['pack', `${directory}/b.pxar`, '--root', tree, '--exclude', '[', '--json']);
    expect([bad.status, errorDocument(bad).code]).toEqual([1, 'EXCLUDE_PATTERN']);
    expect(readdirSync(directory).sort()).toEqual(['a.pxar', 'tree']);
  });

  test.each(['a.pxar', 'a.mpxar'])(
    'the notes of an archive before are not packed, be it a %s',
    async (name) => {
      const [directory, tree] = await makeFiles();
      writeFileSync(`${tree}/.pxarexclude-cli`, 'of an earlier time\n');
      mkdirSync(`${tree}/var/.pxarexclude-cli`);
      for (const [options, notes] of [
        [[], []],
        [['--exclude', '*.log'], name === 'a.pxar' ? ['./.pxarexclude-cli'] : []],
      ] as const) {
        const args = ['pack', `${directory}/${name}`, '--force', '--root', tree, ...options];
        const { status, stderr } = await runCli(args);
        expect(linesOf(stderr).filter((line) => line.includes('.pxarexclude-cli'))).toEqual([
          'vzdump-format: notice: .pxarexclude-cli in the root is not packed: that is the name of the notes of what was left out',
        ]);
        expect(status).toBe(0);
        const paths = await pathsIn(`${directory}/${name}`);
        expect(paths.filter((path) => path.includes('.pxarexclude-cli'))).toEqual([
          './var/.pxarexclude-cli/',
          ...notes,
        ]);
        await runCliWell(['verify', `${directory}/${name}`]);
      }
      rmSync(`${tree}/.pxarexclude-cli`);
      mkdirSync(`${tree}/.pxarexclude-cli/inner`, { recursive: true });
      expect((await runCli(['pack', `${directory}/b.pxar`, '--root', tree])).status).toBe(3);
      expect((await pathsIn(`${directory}/b.pxar`)).join()).not.toContain('inner');
    },
  );

  testWith(['root'], 'file systems below stay out unless asked for, virtual ones always', async () => {
    const [directory, tree] = await makeFiles();
    for (const type of ['tmpfs', 'proc']) {
      mkdirSync(`${tree}/${type}`);
      await runTool('mount', '-t', type, type, `${tree}/${type}`);
      onTestFinished(async () => {
        await runTool('umount', `${tree}/${type}`);
      });
    }
    writeFileSync(`${tree}/tmpfs/file`, '');
    const below = async (options: readonly string[]) => {
      await runCliWell(['pack', `${directory}/a.pxar`, '--force', '--root', tree, ...options]);
      return (await pathsIn(`${directory}/a.pxar`)).filter((path) => /^\.\/(tmpfs|proc)/.test(path));
    };
    expect(await below([])).toEqual(['./proc/', './tmpfs/']);
    expect(await below(['--all-file-systems'])).toEqual(['./proc/', './tmpfs/', './tmpfs/file']);
  });
});

testWith(['chattr', 'lsattr'], 'flags are kept', async () => {
  const directory = await scratch();
  mkdirSync(`${directory}/tree`);
  writeFileSync(`${directory}/tree/file`, '');
  await runTool('chattr', '+dA', `${directory}/tree/file`);
  await runCliWell(['pack', `${directory}/a.pxar`, '--root', `${directory}/tree`]);
  await runCliWell(['unpack', `${directory}/a.pxar`, '--to', `${directory}/restored`]);
  const lines = await runTool('lsattr', `${directory}/tree`, `${directory}/restored`);
  const flags = lines.split('\n').flatMap((line) => line.match(/^\S+(?= .*file$)/) ?? []);
  expect(flags).toEqual([expect.stringMatching(/d.*A/), flags[0]]);
});

describe('archives of the real encoder', () => {
  const golden = goldenPxars();
  // The real reader passes over what follows the end; verify does not.
  const refused = ['trailing-bytes.pxar', 'dup-names.pxar'];

  test('verify has a verdict on all at once', async () => {
    const paths = golden.map(({ archive }) => vectorPath(`pxar/${archive}`));
    const { stdout, status } = await runCli(['verify', '--json', ...paths]);
    const { archives } = JSON.parse(stdout.toString()) as { archives: { path: string; ok: boolean }[] };
    const bad = archives.filter(({ ok }) => !ok).map(({ path }) => path.slice(path.lastIndexOf('/') + 1));
    expect(archives).toHaveLength(golden.length);
    expect([bad.filter((name) => !refused.includes(name)), status]).toEqual([[], 1]);
    expect(bad).toContain('trailing-bytes.pxar');
  });

  test('list says of one in two files what it says of the same in one', async () => {
    const listed = async (name: string) => {
      const lines = linesOf((await runCliWell(['list', vectorPath(`pxar/${name}`)])).toString());
      return lines.filter((line) => !line.includes('.pxarexclude-cli'));
    };
    expect(await listed('fs-walk-v2.mpxar')).toEqual(await listed('fs-walk.pxar'));
  });
});
