import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { vectorPath } from '@vzdump-format/test-vectors';
import { scratch } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import { errorDocument, linesOf, runCli, runCliWell } from '../support/running-cli.js';
import {
  packLikeVzdump,
  restoreLikePct,
  runFed,
  stateOf,
  type TreeState,
  testWithTrees,
  useKeptTree,
} from '../support/tree-making.js';

let root: string;
let packed: TreeState;
useKeptTree((made) => {
  ({ root, packed } = made);
});

describe('there and back', () => {
  testWithTrees('what vzdump packs becomes a pxar, and that a tar, which pct restores', async () => {
    const directory = await scratch();
    const configs = `${directory}/configs`;
    mkdirSync(`${configs}/etc/vzdump`, { recursive: true });
    writeFileSync(`${configs}/etc/vzdump/pct.conf`, 'arch: amd64\n');
    writeFileSync(`${configs}/etc/vzdump/pct.fw`, '[OPTIONS]\n');
    const stdin = packLikeVzdump(root, { configs });
    await runCliWell(['convert', '-', `${directory}/a.pxar.zst`], { stdin });
    await runCliWell(['verify', `${directory}/a.pxar.zst`]);
    expect((await runCliWell(['config', `${directory}/a.pxar.zst`])).toString()).toBe('arch: amd64\n');
    await runCliWell(['convert', `${directory}/a.pxar.zst`, `${directory}/b.tar`]);
    restoreLikePct(readFileSync(`${directory}/b.tar`), `${directory}/theirs`);
    const state = stateOf(`${directory}/theirs`, /^etc\/vzdump/);
    expect(asConverted(state)).toEqual(asConverted(packed));
  });

  testWithTrees('in every way, byte for byte', async () => {
    const directory = await scratch();
    const at = (name: string) => `${directory}/${name}`;
    await runCliWell(['pack', at('a.tar'), '--root', root]);
    await runCliWell(['pack', at('a.pxar'), '--root', root]);
    await runCliWell(['pack', at('a.mpxar'), '--root', root]);
    await runCliWell(['convert', at('a.tar'), at('b.mpxar')]);
    await runCliWell(['convert', at('b.mpxar'), at('b.pxar')]);
    await runCliWell(['convert', at('b.pxar'), at('b.tar')]);
    await runCliWell(['convert', at('a.pxar'), at('c.mpxar')]);
    for (const extension of ['mpxar', 'ppxar']) {
      expect(readFileSync(at(`c.${extension}`)).equals(readFileSync(at(`a.${extension}`)))).toBe(true);
    }
    for (const archive of ['b.mpxar', 'b.pxar']) {
      await runCliWell(['unpack', at(archive), '--to', at(`restored-${archive}`)]);
      expect(stateOf(at(`restored-${archive}`))).toEqual(packed);
    }
  });

  testWithTrees('through pipes', async () => {
    const stdin = await runCliWell(['pack', '-', '--format', 'pxar', '--root', root]);
    const tar = await runCliWell(['convert', '-', '-', '--format', 'tar'], { stdin });
    const names = runFed('tar', ['-tf', '-'], tar).toString();
    expect(names).toContain('./etc/hosts\n');
    const back = await runCliWell(['convert', '-', '-', '--format', 'pxar', '--compress', 'zstd'], {
      stdin: tar,
    });
    await runCliWell(['verify', '-'], { stdin: back });
  });
});

describe('what the other format cannot hold is told of', () => {
  test('a socket, in a tar', async () => {
    const directory = await scratch();
    mkdirSync(`${directory}/root`);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(`${directory}/root/socket`, resolve));
    try {
      await runCliWell(['pack', `${directory}/a.pxar`, '--root', `${directory}/root`]);
    } finally {
      server.close();
    }
    const { status, stderr } = await runCli(['convert', `${directory}/a.pxar`, `${directory}/a.tar`]);
    expect(linesOf(stderr)[0]).toMatch(/^vzdump-format: notice: .*socket/);
    expect(status).toBe(0);
    await runCliWell(['verify', `${directory}/a.tar`]);
  });

  test('the names of users, and links to what is no file, in a pxar', async () => {
    const directory = await scratch();
    mkdirSync(`${directory}/root`);
    runFed('ln', ['-s', 'nowhere', `${directory}/root/a`]);
    runFed('ln', [`${directory}/root/a`, `${directory}/root/b`]);
    const names = ['--owner=alice:1000', '--group=users:100', '--sort=name'];
    const stdin = runFed('tar', ['-c', ...names, '-C', `${directory}/root`, '.']);
    const { status, stderr } = await runCli(['convert', '-', `${directory}/a.pxar`, '--json'], { stdin });
    const codes = linesOf(stderr).map((line) => JSON.parse(line).code);
    expect(codes).toEqual(['PXAR_OWNER_NAMES', 'PXAR_HARDLINK_COPIED', undefined]);
    expect(stderr).toMatch(/left out of \d entries/);
    expect(status).toBe(0);
    const listed = (await runCliWell(['list', `${directory}/a.pxar`])).toString();
    expect(linesOf(listed).filter((line) => line.startsWith('l') && line.includes('1000/100'))).toHaveLength(
      2,
    );
  });

  test('an order that comes back to a directory is an error that says what to do', async () => {
    const directory = await scratch();
    mkdirSync(`${directory}/root/a/b`, { recursive: true });
    mkdirSync(`${directory}/root/c`);
    for (const name of ['a/b/x', 'a/b/y', 'c/z']) writeFileSync(`${directory}/root/${name}`, name);
    const members = ['.', './a', './a/b', './a/b/x', './c', './c/z', './a/b/y'];
    const order = ['--no-recursion', '--numeric-owner', '-C', `${directory}/root`, ...members];
    const stdin = runFed('tar', ['-c', ...order]);
    const result = await runCli(['convert', '-', `${directory}/a.pxar`, '--json'], { stdin });
    expect(result.status).toBe(1);
    expect(errorDocument(result)).toMatchObject({
      code: 'PXAR_ENTRY_ORDER',
      entry: 'a/b/y',
      hint: expect.stringMatching(/depth first/),
    });
    expect(readdirSync(directory)).toEqual(['root']);
  });

  test.each([
    ['vma/two-drives-two-configs.vma', 'a.tar'],
    ['pxar/types.pxar', 'a.vma'],
  ])('%s cannot become %s', async (name, target) => {
    const directory = await scratch();
    const result = await runCli(['convert', vectorPath(name), `${directory}/${target}`, '--json']);
    expect([result.status, errorDocument(result).code]).toEqual([1, 'CONVERT_FORMAT']);
    expect(readdirSync(directory)).toEqual([]);
  });
});

test('a bad tar becomes no pxar', async () => {
  const directory = await scratch();
  mkdirSync(`${directory}/root`);
  for (const name of ['a', 'b']) writeFileSync(`${directory}/root/${name}`, name.repeat(100_000));
  const tar = runFed('tar', ['-c', '--numeric-owner', '-C', `${directory}/root`, '.']);
  const cut = tar.subarray(0, 150_000);
  const damaged = Buffer.from(tar);
  damaged[512 + 100] = 0x39; // in the first file's header
  for (const stdin of [cut, damaged]) {
    for (const target of ['a.pxar', 'a.mpxar']) {
      const { status, stderr } = await runCli(['convert', '-', `${directory}/${target}`], { stdin });
      expect([status, stderr]).toEqual([1, expect.stringMatching(/\(at byte \d+\)/)]);
    }
  }
  expect(readdirSync(directory)).toEqual(['root']);
});

/**
 * A pxar does not say where a file has holes, and who restores the tar made of it does not look for them. A
 * directory that a file was put into has another time than it had.
 */
function asConverted(state: TreeState): TreeState {
  const entries = Object.entries(state).map(([path, said]) => {
    return [
      path,
      said.startsWith('d') ? said.replace(/^(\S+ \S+ \S+) \S+ \d+/, '$1') : said.replace(' holes ', ' '),
    ];
  });
  return Object.fromEntries(entries);
}
