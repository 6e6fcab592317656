import { mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { allowNativeCalls } from '@vzdump-format/posix';
import { useTemporaryDirectory } from '@vzdump-format/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { EntryType, FileEntry } from '../entry/entry.js';
import { directory, entriesOf, file, fileInPieces, hardlink, node, symlink } from '../testing/entries.js';
import { contentsOf, everythingOf } from '../testing/what-is-there.js';
import { type RestoreTreeOptions, restoreTree } from './restore.js';

/*
 * One test for each class of attack that an extractor of archives is known to have fallen for, named by a CVE
 * where there is one; each in all modes. Around the target is what must not change: no byte, mode, owner,
 * number of links or time, not even the time of the last change of any of these.
 */

const temporary = useTemporaryDirectory();
let base: string;
let target: string;
let before: Record<string, string>;

beforeEach(() => {
  base = temporary();
  target = join(base, 'target');
  mkdirSync(target);
  for (const path of ['outside', 'outside/dir', 'target-evil']) mkdirSync(join(base, path), { mode: 0o750 });
  for (const path of ['outside/secret', 'outside/dir/inner', 'target-evil/secret', 'secret']) {
    writeFileSync(join(base, path), 'canary', { mode: 0o640 });
  }
  for (const path of ['outside/secret', 'outside/dir', 'outside']) utimesSync(join(base, path), 1_000, 1_000);
  before = everythingOf(base, 'target');
});

afterEach(() => expect(everythingOf(base, 'target')).toEqual(before));

const MODES = ['refuse', 'skip', 'replace'] as const;
type Mode = (typeof MODES)[number];

/** How a restore ends: with an error's code, or with what is in the target then. */
type End = string | Readonly<Record<string, string>>;

/** How it ends in each of the modes. */
class ByMode {
  constructor(readonly ends: Readonly<Record<Mode, End>>) {}
}

async function restore(entries: readonly FileEntry[], options: RestoreTreeOptions): Promise<End> {
  try {
    await restoreTree(entriesOf(...entries), target, options);
    return contentsOf(target);
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

/** An attack of entries that need to know where the target is, or do not. */
function attack(
  title: string,
  entries: readonly FileEntry[] | (() => readonly FileEntry[]),
  ends: End | ByMode,
): void {
  const entriesNow = () => (typeof entries === 'function' ? entries() : entries);
  test.each(MODES)(`${title} (%s)`, async (existing) => {
    const end = await restore(entriesNow(), { existing });
    expect(end).toEqual(ends instanceof ByMode ? ends.ends[existing] : ends);
  });

  test(`${title} (replace, without native calls)`, async () => {
    allowNativeCalls(false);
    try {
      const end = await restore(entriesNow(), { existing: 'replace' });
      // devices, pipes and links to links cannot be made, and it goes on without them; nor can paths be so
      // long
      if (!entriesNow().every(({ type, path }) => PORTABLE.includes(type) && path.length < 3000)) return;
      expect(end).toEqual(ends instanceof ByMode ? ends.ends.replace : ends);
    } finally {
      allowNativeCalls(true);
    }
  });
}

const PORTABLE: readonly EntryType[] = ['file', 'directory', 'symlink'];

/** What an attacker wants to have written. */
const pwned = (path: string, details: Partial<FileEntry> = {}) =>
  file(path, 'pwned', { mode: 0o666, uid: 1234, gid: 1234, ...details });

/** As it is where the first of several entries of a name stays, and where the last does. */
function byMode(first: End, last: End): ByMode {
  return new ByMode({ refuse: last, skip: first, replace: last });
}

describe('names', () => {
  attack(
    'an absolute path, with any number of slashes (CVE-2021-32804 of node-tar)',
    () => [pwned('/a'), pwned('////b'), pwned('///..a')],
    { a: 'pwned', b: 'pwned', '..a': 'pwned' },
  );

  test('an absolute path to what is outside leads into the target, with one notice', async () => {
    const warnings: string[] = [];
    await restoreTree(entriesOf(pwned(join(base, 'secret')), pwned(join(base, 'outside/secret'))), target, {
      onWarning: ({ code, isNotice }) => warnings.push(`${code} ${isNotice}`),
    });
    expect(contentsOf(target)).toMatchObject({ [join(base, 'outside/secret').slice(1)]: 'pwned' });
    expect(warnings).toEqual(['TREE_PATH_ABSOLUTE true']);
  });

  describe.each([
    '..',
    '../secret',
    'a/..',
    'a/../../secret',
    './/../secret',
    'a/b/../../../secret',
    '/../secret',
    'a/../b',
    '../target/a',
  ])('%j (CVE-2007-4559 of Python, CVE-2016-6321 of GNU tar)', (path) => {
    attack('is refused, and nothing is written', [pwned(path)], 'TREE_PATH_PARENT');
    attack('so it is of a directory', [directory(path, { mode: 0o777 })], 'TREE_PATH_PARENT');
  });

  attack('a NUL, behind which others see another name', [pwned('a\0/../../secret')], 'TREE_PATH_NUL');

  attack('names of another system are names', [pwned('C:..\\secret'), pwned('..\\..\\secret')], {
    'C:..\\secret': 'pwned',
    '..\\..\\secret': 'pwned',
  });

  attack('a path deeper than any tree', [pwned('a/'.repeat(3000))], 'TREE_PATH_DEPTH');
});

describe('the target itself', () => {
  describe.each(['', '.', '/', './/.', '//'])('as an entry named %j', (path) => {
    const outside = '../outside';
    attack('that is a symlink', [symlink(path, outside), pwned('secret')], 'TREE_ROOT_TYPE');
    attack('that is a file', [pwned(path)], 'TREE_ROOT_TYPE');
    attack('that is a hard link', [hardlink(path, outside)], 'TREE_ROOT_TYPE');
    attack('that is a device', [node(path, 'char')], 'TREE_ROOT_TYPE');
    attack('that is a directory is fine', [directory(path), file('a', 'b'), directory(path)], { a: 'b' });
  });

  attack("as a hard link's target", [hardlink('a', '.')], 'TREE_LINK_TO_DIRECTORY');
});

describe('a symlink, and then something through it', () => {
  const INNER: readonly [EntryType, (path: string) => FileEntry][] = [
    ['file', (path) => pwned(path)],
    ['file', (path) => fileInPieces(path, ['pw', 'ned'])],
    ['directory', (path) => directory(path, { mode: 0o777 })],
    ['symlink', (path) => symlink(path, 'x')],
    ['hardlink', (path) => hardlink(path, 'own')],
    ['fifo', (path) => node(path, 'fifo')],
    ['char', (path) => node(path, 'char')],
    ['socket', (path) => node(path, 'socket')],
  ];
  describe.each(INNER)('a %s', (_, inner) => {
    attack(
      'over what is there (the class of CVE-2024-12905 of tar-fs)',
      [file('own', ''), symlink('link', '../outside'), inner('link/secret')],
      'TREE_THROUGH_LINK',
    );
    attack(
      'beside what is there',
      [file('own', ''), symlink('link', '../outside'), inner('link/new')],
      'TREE_THROUGH_LINK',
    );
  });

  attack(
    'to an absolute path (CVE-2026-23745 of node-tar)',
    () => [symlink('link', join(base, 'outside')), pwned('link/secret')],
    'TREE_THROUGH_LINK',
  );
  attack(
    "to a directory whose name begins with the target's (CVE-2025-59343 of tar-fs)",
    [symlink('link', '../target-evil'), pwned('link/secret')],
    'TREE_THROUGH_LINK',
  );
  attack(
    'to a place in the target: no link is judged by where it leads',
    [directory('a'), symlink('link', 'a'), pwned('link/b')],
    'TREE_THROUGH_LINK',
  );
  attack(
    'deep in the tree, by a chain of links',
    [
      directory('a/b'),
      symlink('a/b/up', '../..'),
      symlink('a/out', 'b/up/../outside'),
      pwned('a/out/secret'),
    ],
    'TREE_THROUGH_LINK',
  );
  attack(
    'longer than a path can be, so that whoever resolves it gives up on the way (CVE-2025-4517 of Python)',
    [...longChain(), pwned('escape/secret')],
    'TREE_THROUGH_LINK',
  );
  attack(
    'that is a hard link to a symlink',
    [symlink('link', '../outside'), hardlink('other', 'link'), pwned('other/secret')],
    'TREE_THROUGH_LINK',
  );

  test.each(MODES)('that an archive before left there (CVE-2025-45582 of GNU tar) (%s)', async (existing) => {
    await restore([symlink('link', '../outside')], {});
    expect(await restore([pwned('link/secret')], { existing })).toBe('TREE_THROUGH_LINK');
  });
});

/**
 * Links of short names to directories of long ones, each below the other, and one that climbs back up all of
 * them.
 */
function longChain(): FileEntry[] {
  const long = 'd'.repeat(247);
  const entries: FileEntry[] = [];
  let path = '';
  for (const letter of 'abcdefghijklmnop') {
    entries.push(directory(`${path}${long}`), symlink(`${path}${letter}`, long));
    path += `${long}/`;
  }
  const chain = [...'abcdefghijklmnop'].join('/');
  const last = `${chain}/${'l'.repeat(254)}`;
  return [
    ...entries,
    symlink(`${path}${'l'.repeat(254)}`, '../'.repeat(16)),
    symlink('escape', `${last}/../outside`),
  ];
}

describe('a symlink in place of the entry itself', () => {
  const LINK = { f: '-> ../outside/secret' };
  attack(
    'is replaced, not written through (CVE-2024-12905 of tar-fs)',
    [symlink('f', '../outside/secret'), pwned('f')],
    byMode(LINK, { f: 'pwned' }),
  );
  attack(
    'also when the content comes in pieces',
    [symlink('f', '../outside/secret'), fileInPieces('f', ['pw', 'ned'])],
    byMode(LINK, { f: 'pwned' }),
  );
  attack(
    'also when it leads nowhere yet',
    [symlink('f', '../outside/new'), pwned('f')],
    byMode({ f: '-> ../outside/new' }, { f: 'pwned' }),
  );
  attack(
    'again and again',
    [
      file('f', '1'),
      symlink('f', '../outside/secret'),
      file('f', '2'),
      symlink('f', '../secret'),
      pwned('f'),
    ],
    byMode({ f: '1' }, { f: 'pwned' }),
  );
  attack(
    'is replaced by a directory, whose mode and time it does not pass on (CVE-2026-33056 of tar-rs; pxar)',
    [symlink('d', '../outside/dir'), directory('d', { mode: 0o777, uid: 1234 }), pwned('d/inner')],
    byMode('TREE_THROUGH_LINK', { d: 'd', 'd/inner': 'pwned' }),
  );
  attack(
    'is replaced by a pipe or device',
    [symlink('n', '../outside/secret'), node('n', 'fifo'), symlink('n', '../secret'), node('n', 'char')],
    byMode({ n: '-> ../outside/secret' }, { n: 'c' }),
  );

  test.each([
    ['refuse', 'TREE_EXISTS'],
    ['skip', LINK],
    ['replace', { f: 'pwned' }],
  ] as const)('that was there before (%s)', async (existing, end) => {
    symlinkSync('../outside/secret', join(target, 'f'));
    expect(await restore([pwned('f')], { existing })).toEqual(end);
  });
});

describe('a directory that a link replaces between two entries', () => {
  attack(
    'and then a file in it (CVE-2021-32803 of node-tar)',
    [directory('d'), symlink('d', '../outside'), pwned('d/secret')],
    byMode({ d: 'd', 'd/secret': 'pwned' }, 'TREE_THROUGH_LINK'),
  );
  attack(
    'by another spelling of its name (CVE-2021-37701 of node-tar)',
    [directory('d'), symlink('./d/', '../outside'), pwned('d//secret')],
    byMode({ d: 'd', 'd/secret': 'pwned' }, 'TREE_THROUGH_LINK'),
  );
  attack(
    'while the run is in it',
    [directory('a/b'), symlink('a/b', '../../outside'), pwned('a/b/secret')],
    byMode({ a: 'd', 'a/b': 'd', 'a/b/secret': 'pwned' }, 'TREE_THROUGH_LINK'),
  );
  attack(
    'far above where the run is',
    [directory('a/b/c'), symlink('a', '../outside'), pwned('a/secret')],
    byMode({ a: 'd', 'a/b': 'd', 'a/b/c': 'd', 'a/secret': 'pwned' }, 'TREE_NOT_EMPTY'),
  );
  attack(
    'and whose metadata come last (CVE-2021-31566 of libarchive, CVE-2024-12718 of Python)',
    [directory('d', { mode: 0o777, uid: 1234 }), symlink('d', '../outside/dir')],
    byMode({ d: 'd' }, { d: '-> ../outside/dir' }),
  );
  attack(
    'and then a file in it, after it was a file for a while',
    [directory('d'), file('d', ''), symlink('d', '../outside'), pwned('d/secret')],
    byMode({ d: 'd', 'd/secret': 'pwned' }, 'TREE_THROUGH_LINK'),
  );
  attack('a file is no directory', [file('f', ''), pwned('f/secret')], 'TREE_NOT_A_DIRECTORY');
});

describe('a hard link', () => {
  attack(
    'to an absolute path (CVE-2026-23745 of node-tar)',
    () => [hardlink('h', join(base, 'outside/secret')), pwned('h')],
    'TREE_LINK_MISSING',
  );
  attack(
    "with '..', which counts from the root and not from where the link is (CVE-2026-24842 of node-tar)",
    [hardlink('a/b/c/d/h', '../../../../outside/secret'), pwned('a/b/c/d/h')],
    'TREE_PATH_PARENT',
  );
  attack(
    "behind another system's drive, which is a name (CVE-2026-29786 of node-tar)",
    [hardlink('h', 'C:../outside/secret'), hardlink('h', 'C:..\\outside\\secret')],
    'TREE_LINK_MISSING',
  );
  attack('with a NUL', [file('a', ''), hardlink('h', 'a\0../secret')], 'TREE_LINK_TARGET');
  attack('to nothing', [hardlink('h', '')], 'TREE_LINK_TARGET');
  attack(
    'through a symlink (CVE-2025-48387 of tar-fs)',
    [symlink('link', '../outside'), hardlink('h', 'link/secret'), pwned('h')],
    'TREE_THROUGH_LINK',
  );
  attack(
    'through a chain of symlinks (CVE-2026-26960 of node-tar)',
    [
      directory('a/b/c'),
      symlink('a/b/c/up', '../..'),
      symlink('a/b/escape', 'c/up/../..'),
      hardlink('h', 'a/b/escape/outside/secret'),
      pwned('h'),
    ],
    'TREE_THROUGH_LINK',
  );
  attack(
    'to a symlink is one to the link itself, and a file replaces it (CVE-2025-4330 of Python, CVE-2026-42497 of Perl)',
    [symlink('link', '../outside/secret'), hardlink('h', 'link', { mode: 0o777, uid: 1234 }), pwned('h')],
    byMode(
      { link: '-> ../outside/secret', h: '-> ../outside/secret' },
      { link: '-> ../outside/secret', h: 'pwned' },
    ),
  );
  attack(
    "with content, which is nobody's (CVE-2016-5418 of libarchive)",
    [symlink('link', '../outside/secret'), { ...pwned('h'), type: 'hardlink', linkTarget: 'link' }],
    { link: '-> ../outside/secret', h: '-> ../outside/secret' },
  );
  attack('to a directory', [directory('d'), hardlink('h', 'd'), pwned('h/a')], 'TREE_LINK_TO_DIRECTORY');
  attack(
    'does not remember where a directory was that a link replaced',
    [
      directory('d'),
      file('d/one', ''),
      hardlink('h', 'd/one'),
      directory('e'),
      hardlink('i', 'e/none'),
      symlink('e', '../outside/dir'),
      hardlink('i', 'e/inner'),
    ],
    'TREE_LINK_MISSING',
  );

  test.each([
    ['refuse', 'TREE_THROUGH_LINK'],
    ['skip', { e: 'd' }],
    ['replace', 'TREE_THROUGH_LINK'],
  ] as const)('nor where that was in a run that leaves things out (%s)', async (existing, end) => {
    const entries = [
      directory('e'),
      hardlink('i', 'e/none'),
      symlink('e', '../outside/dir'),
      hardlink('i', 'e/inner'),
    ];
    expect(await restore(entries, { existing, excludes: () => false })).toEqual(end);
  });

  attack(
    'to itself is what it was',
    [file('a', 'x'), hardlink('a', 'a'), hardlink('b', 'a'), hardlink('a', 'b')],
    { a: 'x', b: 'x' },
  );
});

describe('metadata', () => {
  const odd = {
    uid: 1234,
    gid: 1234,
    mode: 0o777,
    mtime: 5n,
    xattrs: new Map([['trusted.a', Buffer.from('b')]]),
  };
  attack(
    "of a symlink are the link's own (CVE-2021-31566 and -23177 of libarchive)",
    [symlink('link', '../outside/secret', { ...odd, fcaps: Buffer.alloc(20), flags: 0x10, quotaProject: 7 })],
    { link: '-> ../outside/secret' },
  );
  attack(
    'of a hard link are passed over',
    [symlink('link', '../outside/secret'), hardlink('h', 'link', odd)],
    { link: '-> ../outside/secret', h: '-> ../outside/secret' },
  );
  attack(
    'of a directory under a name that is a link now',
    [directory('d', odd), file('f', ''), symlink('d', '../outside/dir'), directory('.', odd)],
    byMode({ d: 'd', f: '' }, { d: '-> ../outside/dir', f: '' }),
  );
});

describe('devices and pipes', () => {
  attack(
    'a file after a device of its name is written to the disk, not to the device',
    [node('n', 'char', { device: { major: 1, minor: 5 } }), pwned('n')],
    byMode({ n: 'c' }, { n: 'pwned' }),
  );
  attack(
    'a file after a pipe of its name does not wait for a reader',
    [node('n', 'fifo'), pwned('n'), node('n', 'fifo'), fileInPieces('n', ['a', 'b'])],
    byMode({ n: 'p' }, { n: 'ab' }),
  );
  attack('below a device', [node('n', 'char'), pwned('n/a')], 'TREE_NOT_A_DIRECTORY');
  attack('a hard link to a pipe does not open it', [node('n', 'fifo'), hardlink('h', 'n')], {
    n: 'p',
    h: 'p',
  });
});
