import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { bytesToPath, pathToBytes } from '@vzdump-format/posix';
import { testInDirectory } from '@vzdump-format/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { runTool } from '../testing/tools.js';
import { type ExcludeRules, gnuTarExcludes, LOST_AND_FOUND, STANDARD_EXCLUDES } from './excludes.js';

/** Directories end with a slash. */
const TREE = [
  'a',
  'ab',
  'abc/',
  'abc/a',
  'abc/b/',
  'abc/b/c',
  'abc/b/abc',
  'bar/',
  'bar/foo',
  'foo',
  'foo.log',
  'x/foo/',
  'x/foo/bar',
  'x/y/foo.log',
  'x/y/.hidden',
  'x/..y/z',
  'lost+found/',
  'x/lost+found/inode',
  'tmp/',
  'tmp/.X11-unix/',
  'tmp/.X11-unix/X0',
  'tmp/f',
  'var/tmp/f',
  'var/run/.pid',
  'var/run/a.pid',
  'var/run/sub/b.pid',
  'var/run/a.pidx',
  'opt/tmp/kept',
  '*',
  '[',
  '[a',
  ']',
  '-',
  '!',
  '^',
  'back\\slash',
  'end\\',
  'a b',
  'A',
  'B/C',
  '1',
  '9z',
  'new\nline',
  'é',
  'éa/ü',
  '\udcff',
  '\udcffa',
  '\u{1f480}',
  'pi|pe',
  'a,b',
];

const PATTERNS = [
  // as vzdump has them, and as users write them
  ...STANDARD_EXCLUDES,
  LOST_AND_FOUND,
  ...[
    '/tmp',
    '/tmp/',
    '/tmp/*',
    'tmp',
    'tmp/',
    'tmp/f',
    'tmp/*',
    '*/tmp/*',
    '/var',
    '/var/',
    '/var/run',
    'run/*.pid',
  ],
  ...[
    'foo',
    '/foo',
    './foo',
    '/x/foo',
    'x/foo',
    'foo/bar',
    'bar/foo',
    '/bar/foo',
    'y/foo.log',
    '/nowhere',
    '//foo',
    '/./foo',
  ],
  // roots
  ...['/', '.', './', '/.', '*', '/*', '/?*', '**', '/**', '?', '/?', '..', '', '/..', '?*', '/*/'],
  // stars and question marks that pass slashes
  ...[
    '*.log',
    '/*.log',
    '/x/*.log',
    'x*log',
    '*foo*',
    '/*foo',
    '*o',
    'f*',
    'f??',
    'f*o',
    '/a*c',
    '/a**c',
    'a*b*c',
    '/abc?b',
    'abc?a',
  ],
  ...[
    'x?foo',
    '/*/foo',
    '/*/*/foo',
    '*/',
    '*/*',
    '*/*/*',
    '/x*/',
    '*/?',
    'b/*',
    '**/foo',
    'x/**/foo.log',
    '.*',
    '*.',
    '*.*',
    '?.*',
  ],
  // brackets
  ...[
    '[a]',
    '[ab]',
    '[ab]*',
    '[!a]',
    '[^a]',
    '[!a-z]',
    '[a-b]',
    '[b-a]',
    '[A-z]',
    '[]]',
    '[]a]',
    '[!]]',
    '[a-]',
    '[-a]',
    '[--a]',
  ],
  ...[
    '[',
    '[[]',
    '[a',
    '[]',
    '[!',
    '[!]',
    '[[',
    '[[a',
    'x[/]foo',
    'x[!a]foo',
    '/x[/]y*',
    '[\\]]',
    '[\\[]',
    '[\\a]',
    '[a\\]',
    '[a\\-b]',
  ],
  ...[
    '[[:digit:]]',
    '[[:digit:]]*',
    '[[:upper:]]',
    '[[:upper:][:digit:]]*',
    '[![:alnum:]]',
    '[[:nope:]]',
    '[[:alpha:]',
    '[:alpha:]',
  ],
  ...[
    '[[:punct:]]',
    '[[:space:]]',
    'a[[:blank:]]b',
    '[[=a=]]',
    '[[.a.]]',
    '[[.-.]]',
    '[[.ab.]]',
    '[[:digit:]-z]',
    '[1-9]z',
    '[a-c-e]',
  ],
  ...[
    '[[:DIGIT:]]',
    '[[:cntrl:]]',
    '[[:xdigit:]]',
    '[[:print:]]',
    '[[:graph:]]',
    '[[:lower:]]?',
    '[[:alpha:]]',
    '[[:]',
    '[[=a]',
    '[a[.b]',
    '[a[:nope:]]',
    '[!a[:nope:]]',
    '[a[:nope:]f]*',
    '[a[.ab.]]',
    '[[.].]]',
    '[[.[.]]',
    '[[=]=]]',
    '[x[:',
    '[x[:]',
    '[x[:a]',
    '[[:a-z:]]',
    '[[.a]',
  ],
  // backslashes
  ...[
    '\\a',
    '\\*',
    '\\?',
    '\\[',
    '\\[a',
    'back\\slash',
    'back\\\\slash',
    'end\\',
    'end\\\\',
    'e*\\',
    'e*\\\\',
    '\\',
    '\\\\',
    'x\\/foo',
    '\\.\\/foo',
  ],
  ...[
    '*\\',
    '?\\',
    '[a]\\',
    '/\\*',
    '/fo\\o',
    '\\/foo',
    'a\\ b',
    '\\!',
    '\\^',
    '!',
    '^',
    '-',
    '!foo',
    ']',
    'a b',
    'a,b',
    'pi|pe',
    '(a|b)',
    '{a,b}',
  ],
  // bytes
  ...[
    'é',
    '?',
    '??',
    '????',
    '[é]',
    '[!é]',
    '\udcff',
    '\udcff*',
    '[\udcff]',
    '[\udc80-\udcff]',
    '[\udc80-\udcff]*',
    '/é*',
    '*ü',
    '\u{1f480}',
    'é?',
    'new?line',
    'new*',
  ],
];

/** Patterns by themselves, by the dozen, and of the letters that have a meaning, at random. */
const LISTS: readonly (readonly string[])[] = [
  ...PATTERNS.map((pattern) => [pattern]),
  [...STANDARD_EXCLUDES, LOST_AND_FOUND, '*.log', '/abc/b', 'bar', '[A-Z]'],
  ...fc
    .sample(fc.array(fc.constantFrom(...'**??[[]]!-\\/ab.fox:='), { minLength: 1, maxLength: 8 }), {
      numRuns: 300,
      seed: 4,
    })
    .map((letters) => [letters.join('')]),
];

testInDirectory(['root', 'tar'], 'as GNU tar', (directory) => {
  for (const path of TREE) plant(directory, path);
  const [everything, ...kept] = listWithTar(directory, [[], ...LISTS]);
  expect(everything!.length).toBeGreaterThan(TREE.length);
  const differences = LISTS.flatMap((patterns, index) => {
    const ours = keptBy(gnuTarExcludes(patterns), everything!);
    const wrong = everything!.filter((path) => kept[index]!.includes(path) !== ours.includes(path));
    return wrong.length > 0 ? [{ patterns, wrong }] : [];
  });
  expect(differences).toEqual([]);
});

test('the standard excludes', () => {
  const { excludes } = gnuTarExcludes([...STANDARD_EXCLUDES, LOST_AND_FOUND]);
  const left = ['tmp/f', 'tmp/.X11-unix', 'var/tmp/f', 'var/run/a.pid', 'lost+found', 'x/lost+found'];
  const kept = [
    '',
    'tmp',
    'var/tmp',
    'var/run',
    'var/run/.pid',
    'opt/tmp/f',
    'var/run/a.pidx',
    'lost+found2',
  ];
  expect([...left, ...kept].filter((path) => excludes(path, false))).toEqual(left);
});

test('what matches nothing is warned of', () => {
  const warnings: unknown[] = [];
  gnuTarExcludes(['/tmp/', 'a*/', 'e*\\', '[[', '', '/fine', 'fine*'], (warning) => warnings.push(warning));
  const hint = 'leave the slash at its end out';
  expect(warnings).toEqual([
    { code: 'EXCLUDE_PATTERN', message: 'the exclude pattern /tmp/ matches nothing', hint },
    { code: 'EXCLUDE_PATTERN', message: 'the exclude pattern a*/ matches nothing', hint },
    { code: 'EXCLUDE_PATTERN', message: 'the exclude pattern e*\\ matches nothing' },
    { code: 'EXCLUDE_PATTERN', message: 'the exclude pattern [[ matches nothing' },
    { code: 'EXCLUDE_PATTERN', message: "the exclude pattern '' matches nothing" },
  ]);
});

test('no pattern makes it take long', () => {
  // A matcher that tries one way after the other needs 10^30 steps for this.
  const { excludes } = gnuTarExcludes([`${'*a'.repeat(60)}b`, `/${'?*'.repeat(60)}b`]);
  expect(excludes('a'.repeat(4000), false)).toBe(false);
  expect(excludes(`${'a'.repeat(4000)}b`, false)).toBe(true);
});

function plant(directory: string, path: string): void {
  const isDirectory = path.endsWith('/');
  mkdirSync(pathToBytes(join(directory, isDirectory ? path : dirname(path))), { recursive: true });
  if (!isDirectory) writeFileSync(pathToBytes(join(directory, path)), '');
}

/** The paths that tar stores, given excludes as vzdump gives them: for each list of patterns. */
function listWithTar(directory: string, lists: readonly (readonly string[])[]): string[][] {
  const script = lists.map((patterns) => `${tarCommand(directory, patterns)}; echo //`).join('\n');
  // Through a shell's input, since arguments from here are always UTF-8.
  const listings = runTool('sh', [], pathToBytes(script)).split('//\n').slice(0, lists.length);
  return listings.map((listing) => listing.split('\n').filter(Boolean).map(pathOf));
}

function tarCommand(directory: string, patterns: readonly string[]): string {
  const [anchored, unanchored] = [true, false].map((is) => patterns.filter((p) => p.startsWith('/') === is));
  const words = [
    ...['tar', '-cvf', '/dev/null', '--quoting-style=escape', '--sort=name', `--directory=${directory}`],
    ...['--no-anchored', ...unanchored!.map((pattern) => `--exclude=${pattern}`)],
    ...['--anchored', ...anchored!.map((pattern) => `--exclude=.${pattern}`), './'],
  ];
  return words.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
}

/** `./abc/` as it is quoted → `abc`. */
function pathOf(quoted: string): string {
  const bytes = quoted.replace(/\\(?:(\d{3})|(.))/g, (_, octal: string | undefined, letter: string) =>
    octal === undefined ? (letter === 'n' ? '\n' : letter) : String.fromCharCode(parseInt(octal, 8)),
  );
  return bytesToPath(Buffer.from(bytes, 'latin1'))
    .replace(/\/$/, '')
    .replace(/^\.\/?/, '');
}

/** Of paths that are each behind its directory, those that are not left out. */
function keptBy({ excludes }: ExcludeRules, paths: readonly string[]): string[] {
  const left = new Set<string>();
  return paths.filter((path) => {
    if (left.has(path === '' ? '' : dirname(path).replace(/^\.$/, '')) && path !== '') left.add(path);
    else if (excludes(path, false)) left.add(path);
    return !left.has(path);
  });
}
