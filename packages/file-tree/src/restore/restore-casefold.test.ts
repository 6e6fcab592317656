import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { OpenDirectory } from '@vzdump-format/posix';
import { scratch, testOnFileSystem, useTemporaryDirectory } from '@vzdump-format/testing';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { FileEntry } from '../entry/entry.js';
import { directory, entriesOf, file, fileInPieces, hardlink, symlink } from '../testing/entries.js';
import { FoldingDirectory } from '../testing/folding-directory.js';
import { runTool } from '../testing/tools.js';
import { contentsOf, everythingOf } from '../testing/what-is-there.js';
import { type RestoreTreeOptions, restoreTree } from './restore.js';

/*
 * Names that are different in the archive and the same on the file system: the class of CVE-2021-37712 and
 * CVE-2026-23950 of node-tar.
 */

const folding = vi.hoisted(() => ({ on: false }));

vi.mock('@vzdump-format/posix', async (original) => {
  const actual = await original<typeof import('@vzdump-format/posix')>();
  const openDirectory = (path: string): OpenDirectory => {
    const opened = actual.openDirectory(path);
    return folding.on ? new FoldingDirectory(opened) : opened;
  };
  return { ...actual, openDirectory };
});

const CASEFOLD = {
  type: 'ext4',
  make: ['mkfs.ext4', '-q', '-O', 'casefold', '-E', 'encoding=utf8'],
  rare: true, // kernels without CONFIG_UNICODE do not mount it
} as const;

interface Case {
  readonly title: string;
  /** What is in the target before. */
  readonly before?: Readonly<Record<string, string>>;
  readonly entries: readonly FileEntry[];
  readonly options?: RestoreTreeOptions;
  /** An error's code, or what is in the target then. */
  readonly ends: string | Readonly<Record<string, string>>;
}

const CASES: Case[] = [
  ...[
    ['Dir', 'dIR', 'DIR'],
    ['caf\u00e9', 'cafe\u0301', 'CAF\u00c9'],
    ['stra\u00dfe', 'STRASSE', 'strasse'],
  ].map(([made, link, through]) => ({
    title: `a directory ${made} that a link replaces as ${link}`,
    entries: [directory(made!), symlink(link!, '../outside'), file(`${through}/secret`, 'pwned')],
    ends: 'TREE_THROUGH_LINK',
  })),
  {
    title: 'a hard link through a link of another case',
    entries: [symlink('link', '../outside'), hardlink('h', 'LINK/secret'), file('H', 'pwned')],
    ends: 'TREE_THROUGH_LINK',
  },
  {
    title: 'a file over a link of another case',
    entries: [symlink('f', '../outside/secret'), file('F', 'pwned'), fileInPieces('f', ['pw', 'ned', '!'])],
    ends: { f: 'pwned!' },
  },
  {
    title: 'files that differ in case: the last one stays',
    entries: [file('README', '1'), file('readme', '2'), directory('D'), file('d/x', '3'), file('D/X', '4')],
    ends: { readme: '2', d: 'd', 'd/x': '4' },
  },
  {
    title: 'a hard link to itself by another case',
    entries: [file('a', '1'), hardlink('A', 'a')],
    ends: { a: '1' },
  },
  {
    title: 'a file that was there before is not replaced under another case',
    before: { README: 'old', other: 'old' },
    entries: [file('new', ''), file('readme', 'new')],
    ends: 'TREE_EXISTS',
  },
  {
    title: 'nor one in a directory that was there before',
    before: { 'D/x': 'old' },
    entries: [directory('d'), file('d/y', ''), file('D/z', ''), file('d/Y', ''), file('d/X', 'new')],
    ends: 'TREE_EXISTS',
  },
  {
    title: 'but it is when that is asked for',
    before: { 'D/x': 'old' },
    entries: [file('d/X', 'new'), fileInPieces('d/X', ['newer'])],
    options: { existing: 'replace' },
    ends: { d: 'd', 'd/x': 'newer' },
  },
  {
    title: 'and passed over when that is',
    before: { 'D/x': 'old' },
    entries: [file('d/X', 'new'), file('D/y', 'new')],
    options: { existing: 'skip' },
    ends: { d: 'd', 'd/x': 'old', 'd/y': 'new' },
  },
];

async function run({ before = {}, entries, options, ends }: Case, base: string): Promise<void> {
  const target = join(base, 'target');
  for (const [path, content] of Object.entries(before)) {
    mkdirSync(join(target, path, '..'), { recursive: true });
    writeFileSync(join(target, path), content);
  }
  mkdirSync(join(base, 'outside'));
  writeFileSync(join(base, 'outside/secret'), 'canary');
  const around = everythingOf(base, 'target');
  const restored = restoreTree(entriesOf(...entries), target, options);
  if (typeof ends === 'string') {
    await expect(restored).rejects.toMatchObject({ code: ends });
    for (const [path, content] of Object.entries(before)) {
      expect(contentsOf(target)).toMatchObject({ [path]: content });
    }
  } else {
    await restored;
    const found = Object.entries(contentsOf(target)).map(([path, what]) => [path.toLowerCase(), what]);
    expect(Object.fromEntries(found)).toEqual(ends);
  }
  expect(everythingOf(base, 'target')).toEqual(around);
}

describe('where names are folded', () => {
  const base = useTemporaryDirectory();

  beforeEach(() => {
    folding.on = true;
    mkdirSync(join(base(), 'target'));
  });

  afterEach(() => {
    folding.on = false;
  });

  test.each(CASES)('$title', (each) => run(each, base()));
});

testOnFileSystem('the same by the kernel itself', CASEFOLD, async (mounted) => {
  for (const [index, each] of CASES.entries()) {
    const base = join(mounted, `${index}`);
    mkdirSync(join(base, 'target'), { recursive: true });
    runTool('chattr', ['+F', join(base, 'target')]);
    await run(each, base);
  }
});

test('and where they are not, names that differ are different', async () => {
  const base = await scratch();
  await restoreTree(entriesOf(file('a', '1'), file('A', '2'), directory('D'), symlink('d', 'x')), base);
  expect(contentsOf(base)).toEqual({ a: '1', A: '2', D: 'd', d: '-> x' });
});
