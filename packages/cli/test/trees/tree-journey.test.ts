import { readFileSync, writeFileSync } from 'node:fs';
import { scratch } from '@vzdump-format/testing';
import { describe, expect } from 'vitest';
import { runCliWell } from '../support/running-cli.js';
import {
  DEVICES,
  packLikeVzdump,
  restoreLikePct,
  runFed,
  stateOf,
  type TreeState,
  testWithTrees,
  useKeptTree,
} from '../support/tree-making.js';

/**
 * Files with a time before 1970 that is no whole second: bsdtar writes and reads them a second off, GNU tar
 * lists them so.
 */
const OLD_TIMES = /^(bin\/su|etc\/empty)$/;
const CODECS = [
  { name: 'none', extension: '.tar', flag: [], compress: ['cat'] },
  { name: 'gzip', extension: '.tar.gz', flag: ['-z'], compress: ['gzip', '--rsyncable'] },
  { name: 'lzo', extension: '.tar.lzo', flag: ['--lzop'], compress: ['lzop'] },
  { name: 'zstd', extension: '.tar.zst', flag: ['--zstd'], compress: ['zstd', '--threads=1'] },
] as const;

let root: string;
let packed: TreeState;
useKeptTree((made) => {
  ({ root, packed } = made);
});

function withoutOld(tree: TreeState): TreeState {
  return Object.fromEntries(Object.entries(tree).filter(([path]) => !OLD_TIMES.test(path)));
}

describe.each(CODECS)('$name', ({ name, extension, flag, compress }) => {
  const tools = name === 'none' ? ['bsdtar'] : [compress[0]];

  testWithTrees(
    'what we pack, pct restore restores, and so do we',
    async () => {
      const directory = await scratch();
      const archive = `${directory}/ct${extension}`;
      await runCliWell(['pack', archive, '--root', root]);
      restoreLikePct(readFileSync(archive), `${directory}/theirs`, flag);
      expect(stateOf(`${directory}/theirs`)).toEqual(packed);
      await runCliWell(['unpack', archive, '--to', `${directory}/ours`]);
      expect(stateOf(`${directory}/ours`)).toEqual(packed);
    },
    tools,
  );

  testWithTrees(
    'what vzdump packs, we restore, out of a file and a pipe',
    async () => {
      const directory = await scratch();
      const stdin = runFed(compress[0], compress.slice(1), packLikeVzdump(root));
      writeFileSync(`${directory}/ct${extension}`, stdin);
      await runCliWell(['unpack', `${directory}/ct${extension}`, '--to', `${directory}/file`]);
      expect(stateOf(`${directory}/file`)).toEqual(packed);
      await runCliWell(['unpack', '-', '--to', `${directory}/pipe`], { stdin });
      expect(stateOf(`${directory}/pipe`)).toEqual(packed);
    },
    tools,
  );
});

testWithTrees('bsdtar restores what we pack', async () => {
  const directory = await scratch();
  const archive = await runCliWell(['pack', '-', '--format', 'tar', '--root', root]);
  // It cannot turn names that are not UTF-8 into names of the locale, says so, restores them and ends with 1.
  runFed('bsdtar', ['-xpf', '-', '--acls', '--xattrs', '-C', directory], archive, [0, 1]);
  expect(withoutOld(stateOf(directory, DEVICES))).toEqual(withoutOld(packed));
}, ['bsdtar']);

testWithTrees('we restore what bsdtar packs', async () => {
  const directory = await scratch();
  const flags = ['--format=pax', '--acls', '--xattrs', '--read-sparse'];
  const stdin = runFed('bsdtar', ['-cf', '-', ...flags, '-C', root, '.']);
  await runCliWell(['unpack', '-', '--to', `${directory}/ours`], { stdin });
  expect(withoutOld(stateOf(`${directory}/ours`))).toEqual(withoutOld(packed));
}, ['bsdtar']);

testWithTrees('the devices in ./dev are restored when asked for', async () => {
  const directory = await scratch();
  const stdin = packLikeVzdump(root);
  await runCliWell(['unpack', '-', '--to', `${directory}/ours`, '--include-dev'], { stdin });
  const state = stateOf(`${directory}/ours`);
  expect(Object.keys(state)).toContain('dev/null');
  expect(state).toEqual(stateOf(root));
});

testWithTrees('the same tree gives the same archive, whatever way it takes', async () => {
  const directory = await scratch();
  await runCliWell(['pack', `${directory}/file.tar`, '--root', root]);
  const piped = await runCliWell(['pack', '-', '--format', 'tar', '--root', root]);
  expect(piped.equals(readFileSync(`${directory}/file.tar`))).toBe(true);
});

testWithTrees('list prints what tar -tvf --full-time does, byte for byte', async () => {
  const directory = await scratch();
  const archive = `${directory}/ct.tar`;
  writeFileSync(archive, packLikeVzdump(root, { excludes: ['--exclude=./bin/su', '--exclude=./etc/empty'] }));
  const ours = await runCliWell(['list', archive], { env: { TZ: 'Asia/Kolkata' } });
  const options = ['-tvf', archive, '--full-time', '--numeric-owner'];
  const theirs = runFed('env', ['TZ=Asia/Kolkata', 'tar', ...options]);
  expect(ours.toString('latin1').split('\n')).toEqual(theirs.toString('latin1').split('\n'));
});

testWithTrees('list tells owners by their ids, or by the names that an archive has', async () => {
  const archive = `${await scratch()}/a.tar`;
  runFed('tar', ['-cf', archive, '--owner=alice:1000', '--group=users:100', '-C', '/etc', 'hosts']);
  const listed = async (...options: string[]) => (await runCliWell(['list', archive, ...options])).toString();
  const theirs = (...options: string[]) => runFed('tar', ['-tvf', archive, '--full-time', ...options]);
  const numeric = theirs('--numeric-owner').toString();
  expect(numeric).toContain(' 1000/100 ');
  expect([await listed(), await listed('--numeric-owner')]).toEqual([numeric, numeric]);
  expect(await listed('--owner-names')).toBe(theirs().toString());
});

testWithTrees('a part of this system, both ways', async () => {
  const directory = await scratch();
  const part = `${directory}/perl`; // a copy, which no installation of a package changes meanwhile
  runFed('cp', ['--archive', '/usr/share/perl', part]);
  const options = ['--compare', '--file=-', '--numeric-owner', '--acls', '--xattrs', '-C', part];
  runFed('tar', options, await runCliWell(['pack', '-', '--format', 'tar', '--root', part]));
  await runCliWell(['unpack', '-', '--to', `${directory}/ours`], { stdin: packLikeVzdump(part) });
  expect(stateOf(`${directory}/ours`)).toEqual(stateOf(part));
});
