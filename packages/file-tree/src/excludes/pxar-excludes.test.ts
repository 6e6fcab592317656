import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { testInDirectory } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import { runTool } from '../testing/tools.js';
import { walked } from '../testing/walked.js';
import { type ExcludeRules, pxarExcludes } from './excludes.js';

/** Which of these paths are left out; directories end with a slash. */
function leftOut(rules: ExcludeRules, paths: readonly string[]): string[] {
  return paths.filter((path) => rules.excludes(path.replace(/\/$/, ''), path.endsWith('/')));
}

describe('a pattern', () => {
  const paths = [
    'foo',
    'bar/',
    'bar/foo',
    'bar/foo/',
    'x/bar/',
    'x/bar/foo',
    'x/bar/a/foo',
    'afoo',
    'foo.txt',
    'x/',
  ];
  test.each([
    ['foo', ['foo', 'bar/foo', 'bar/foo/', 'x/bar/foo', 'x/bar/a/foo']],
    ['/foo', ['foo']],
    ['foo/', ['bar/foo/']],
    ['foo//', ['bar/foo/']],
    ['/bar/', ['bar/']],
    ['bar/foo', ['bar/foo', 'bar/foo/', 'x/bar/foo']],
    ['/bar/foo', ['bar/foo', 'bar/foo/']],
    ['bar/*', ['bar/foo', 'bar/foo/', 'x/bar/foo']],
    ['*foo', ['foo', 'bar/foo', 'bar/foo/', 'x/bar/foo', 'x/bar/a/foo', 'afoo']],
    ['/*foo', ['foo', 'afoo']],
    ['/*/foo', ['bar/foo', 'bar/foo/']],
    ['bar/**/foo', ['bar/foo', 'bar/foo/', 'x/bar/foo', 'x/bar/a/foo']],
    ['/**/foo', ['foo', 'bar/foo', 'bar/foo/', 'x/bar/foo', 'x/bar/a/foo']],
    ['/bar/**', ['bar/foo', 'bar/foo/']],
    ['**', paths],
    ['/**/', ['bar/', 'bar/foo/', 'x/bar/', 'x/']],
    ['?foo', ['afoo']],
    ['[a-c]foo', ['afoo']],
    ['\\foo', ['foo', 'bar/foo', 'bar/foo/', 'x/bar/foo', 'x/bar/a/foo']],
    ['fo', []],
    ['!foo', []],
  ])('%s', (pattern, excluded) => {
    expect(leftOut(pxarExcludes([pattern]), paths)).toEqual(excluded);
  });
});

test('the root itself is never left out', () => {
  for (const pattern of [
    '*',
    '/*',
    '**',
    '/**',
    '***',
    '*/',
    '/*/',
    '**/',
    '/**/',
    '!*',
    '?*',
    '[!a]*',
    '',
  ]) {
    const rules = pattern === '' ? pxarExcludes([]) : pxarExcludes([pattern]);
    for (const inside of [rules, rules.within!('', () => Buffer.from('*\n/*\n**\n'))]) {
      expect(inside.excludes('', true)).toBe(false);
    }
  }
});

test('the last that matches counts', () => {
  const paths = ['a.log', 'keep.log', 'x/keep.log', 'keep.log/'];
  expect(leftOut(pxarExcludes(['*.log', '!keep.log']), paths)).toEqual(['a.log']);
  expect(leftOut(pxarExcludes(['!keep.log', '*.log']), paths)).toEqual(paths);
  expect(leftOut(pxarExcludes(['*.log', '!/keep.log', 'keep.log/']), paths)).toEqual([
    'a.log',
    'x/keep.log',
    'keep.log/',
  ]);
});

test('names are bytes', () => {
  const paths = ['é', '\udcff', 'aé', 'a\udcff'];
  expect(leftOut(pxarExcludes(['?']), paths)).toEqual(['\udcff']);
  expect(leftOut(pxarExcludes(['??']), paths)).toEqual(['é', 'a\udcff']);
  expect(leftOut(pxarExcludes(['*\udcff']), paths)).toEqual(['\udcff', 'a\udcff']);
});

test.each(['', '/', '!', '!/', '[', 'a[b', 'a\\', '[[:nope:]]'])(
  'a pattern that can match nothing: %j',
  (pattern) => {
    expect(() => pxarExcludes(['fine', pattern])).toThrow(
      expect.objectContaining({ code: 'EXCLUDE_PATTERN' }),
    );
  },
);

test('no pattern makes it take long', () => {
  const rules = pxarExcludes([`${'*a'.repeat(60)}b`, `${'**/'.repeat(60)}b`, `/${'**/*a'.repeat(30)}`]);
  expect(rules.excludes('a/'.repeat(2000), false)).toBe(false);
});

describe('.pxarexclude', () => {
  const file = (text: string) => () => Buffer.from(text);

  test('is read in the directory, if it is of a size to be read', () => {
    const asked: unknown[] = [];
    const rules = pxarExcludes(['a']);
    const same = rules.within!('x', (...question) => {
      asked.push(question);
      return undefined;
    });
    expect(asked).toEqual([['.pxarexclude', 65536]]);
    expect(same).toBe(rules);
  });

  test('has rules for what is below it', () => {
    const outer = pxarExcludes(['*.log', 'outer']);
    const inner = outer.within!(
      'x/y',
      file('\n  # comment\n *.tmp \r\n!keep.log\n/anchored\ndir/\n/a/b\nc/d\n'),
    );
    const paths = [
      'outer',
      'a.log',
      'keep.log',
      'f.tmp',
      'z/f.tmp',
      'anchored',
      'z/anchored',
      'dir',
      'dir/',
      'a/b',
      'c/d',
    ];
    expect(
      leftOut(
        inner,
        paths.map((path) => `x/y/${path}`),
      ),
    ).toEqual(
      ['outer', 'a.log', 'f.tmp', 'z/f.tmp', 'anchored', 'dir/', 'a/b', 'c/d'].map((path) => `x/y/${path}`),
    );
    expect(leftOut(outer, ['x/y/f.tmp', 'x/y/keep.log', 'f.tmp'])).toEqual(['x/y/keep.log']);
    const innermost = inner.within!('x/y/z', file('keep.log\n!f.tmp'));
    expect(leftOut(innermost, ['x/y/z/keep.log', 'x/y/z/f.tmp', 'x/y/z/g.tmp'])).toEqual([
      'x/y/z/keep.log',
      'x/y/z/g.tmp',
    ]);
  });

  test('of the root, and of directories whose names look like patterns', () => {
    expect(leftOut(pxarExcludes([]).within!('', file('/a')), ['a', 'x/a'])).toEqual(['a']);
    expect(leftOut(pxarExcludes([]).within!('[x]*', file('/a')), ['x/a', '[x]*/a', '[x]*/b'])).toEqual([
      '[x]*/a',
    ]);
  });

  test('a line that can match nothing is warned of', () => {
    const warnings: unknown[] = [];
    const rules = pxarExcludes([], (warning) => warnings.push(warning)).within!('x', file('a\n[b\n/\n'));
    expect(leftOut(rules, ['x/a', 'x/b'])).toEqual(['x/a']);
    expect(warnings).toEqual([
      { code: 'EXCLUDE_PATTERN', message: 'x/.pxarexclude: [b can match nothing', entry: 'x/.pxarexclude' },
      { code: 'EXCLUDE_PATTERN', message: 'x/.pxarexclude: / can match nothing', entry: 'x/.pxarexclude' },
    ]);
  });
});

/**
 * What git understands in the same way: all but unanchored patterns with a slash in them. `a**` before a
 * slash is not among them either: there git compares pointers into different strings.
 */
const PATTERNS_OF_GIT = [
  ...[
    'a',
    '/a',
    'abc',
    'abc/',
    '/abc/',
    '*',
    '/*',
    '**',
    '/**',
    '/**/',
    '**/',
    '*/',
    '?',
    '??',
    '/?',
    '*.log',
    '/*.log',
    '*a*',
  ],
  ...[
    '/abc/a',
    '/abc/*',
    '/abc/**',
    '/abc/**/a',
    '/**/a',
    '/**/b/c',
    '/*/b',
    '/x/**/foo',
    '/x/**/y/**/foo',
    '/x/*/foo',
    '/x/***/foo',
  ],
  ...['/x/**foo', '/x/y**', '/x/**/', '/abc/**/', '/**/**/a', '/a**c', 'a**c', '***', '/***/a', '/x/**/z*'],
  ...[
    '[a]',
    '[ab]*',
    '[!a]',
    '[^a]',
    '[a-z]',

    '[]]',
    '[!]]',
    '[]a]',
    '[a-]',
    '[-a]',
    '[\\]]',
    '[a\\-z]',
    '/x[/]y',
    '/x[!a]y',
  ],
  ...[
    '[[:digit:]]',
    '[[:upper:]]',
    '[![:alnum:]]*',
    '[[:alpha:][:digit:]]',
    '[[:punct:]]',
    '[[:]',
    '[[:space:]]',
  ],
  ...[
    '[',
    '[a',
    '[[',
    'a[',
    '[[:nope:]]',
    '\\a',
    '\\*',
    '\\[a',
    '\\!',
    '\\#',
    '/x\\/y',
    '.*',
    '/.h',
    '*.*',
    '/x/y/foo',
    '/x/y/foo/',
  ],
  ...['é', '[é]', '?é', '*é*', '/é'],
];

const FILES = [
  ...[
    'a',
    'ab',
    'abc/a',
    'abc/b/a',
    'abc/b/c',
    'abc/b/abc/c',
    'foo.log',
    'x/foo',
    'x/y/foo',
    'x/y/z/foo',
    'x/yy/foo',
    'x/foo.log',
  ],
  ...[
    '.h',
    'x/.h',
    '*',
    '[',
    '[a',
    ']',
    '-',
    '!',
    '#',
    '1',
    'Z',
    'x y',
    'é',
    'ü/é',
    'x/zz',
    'x/y/zzz/f',
    'ac',
    'abbc',
    '\udcff',
  ],
];

testInDirectory(['root', 'git'], 'as git', async (directory) => {
  const tree = join(directory, 'tree');
  for (const path of FILES) {
    mkdirSync(join(tree, dirname(path)), { recursive: true });
    writeFileSync(join(tree, path), '');
  }
  const git = ['--git-dir', join(directory, 'git'), '--work-tree', tree];
  runTool('git', [...git, 'init', '--quiet']);
  const lists = [
    ...PATTERNS_OF_GIT.map((pattern) => [pattern]),
    ['*', '!/abc', '!a'],
    ['/abc/*', '!/abc/b'],
    ['*.log', '!/x/*.log', '/x/foo.log', '!foo.log'],
    ['/**', '!*/', '!foo'],
  ];
  const differences: unknown[] = [];
  for (const patterns of lists) {
    for (const where of ['', 'x']) writeFileSync(join(tree, where, '.pxarexclude'), patterns.join('\n'));
    const excludeFiles = '--exclude-per-directory=.pxarexclude';
    const listed = runTool('git', [...git, '-C', tree, 'ls-files', '--others', '-z', excludeFiles]);
    const kept = listed.split('\0').slice(0, -1).toSorted();
    const { entries } = await walked(tree, { excludes: pxarExcludes([]) });
    const files = entries.filter(({ type }) => type === 'file').map(({ path }) => path);
    if (files.toSorted().join('\n') !== kept.join('\n')) differences.push({ patterns, kept, files });
  }
  expect(differences).toEqual([]);
});
