import { execFileSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CLI } from './running-cli.js';

const PACKAGE = dirname(dirname(CLI));
const BUNDLE = 'dist/vzdump-format.cjs';
const BUNDLE_OF_LIST = 'dist/vzdump-format.list.cjs';
const BUNDLES = [BUNDLE, BUNDLE_OF_LIST];

interface Loader {
  codeCacheOf(path: string): string;
  loadBundle(path: string): { readonly script: { readonly cachedDataRejected?: boolean } };
  bundleOf(path: string, command: string): string;
}

const REQUIRE = createRequire(import.meta.url);

let installed: string;
let loader: Loader;

beforeEach(() => {
  installed = mkdtempSync(join(tmpdir(), 'code-cache-'));
  for (const path of ['bin', 'package.json', ...BUNDLES, ...BUNDLES.map(cacheOf)]) {
    cpSync(join(PACKAGE, path), join(installed, path), { recursive: true });
  }
  loader = REQUIRE(join(installed, 'bin/cached-bundle.js')) as Loader;
});

afterEach(() => rmSync(installed, { recursive: true }));

function cacheOf(bundle: string): string {
  return (REQUIRE(join(PACKAGE, 'bin/cached-bundle.js')) as Loader).codeCacheOf(bundle);
}

function cacheIsTaken(bundle: string): boolean {
  return loader.loadBundle(join(installed, bundle)).script.cachedDataRejected === false;
}

function output(...args: readonly string[]): string {
  return execFileSync(process.execPath, [join(installed, 'bin/vzdump-format.js'), ...args], {
    encoding: 'utf8',
  });
}

it.each([
  ['that of its own', 'list', BUNDLE_OF_LIST],
  ['that of all, where it has none of its own', 'cat', BUNDLE],
  ['that of all, for what is no command', '../dist/vzdump-format.list', BUNDLE],
])('the bundle of a command is %s', (_, command, bundle) => {
  expect(loader.bundleOf(join(installed, BUNDLE), command)).toBe(join(installed, bundle));
});

// V8 remembers what it has compiled: each is looked at once in an installation.
describe.each(BUNDLES)('the code cache of %s', (bundle) => {
  it('is taken', () => {
    expect(cacheIsTaken(bundle)).toBe(true);
  });

  it.each([
    ['of another version of V8', (cache: Buffer) => cache.fill(0x5a, 4, 8)],
    ['of another bundle', (cache: Buffer) => cache.fill(0x5a, 8, 12)],
    ['cut short', (cache: Buffer) => cache.subarray(0, cache.length / 2)],
    ['empty', () => Buffer.alloc(0)],
  ])('is passed over where it is %s', (_, change) => {
    for (const path of BUNDLES.map((one) => join(installed, cacheOf(one)))) {
      writeFileSync(path, change(readFileSync(path)));
    }
    expect(cacheIsTaken(bundle)).toBe(false);
    expect(output('list', '--help')).toContain('Usage: vzdump-format list');
  });
});

// V8 takes it for its own, and may crash.
it('a code cache of another Node is passed over, also where its V8 is of the same version', () => {
  const other = join(installed, 'node');
  copyFileSync(process.execPath, other);
  const program = `const { loadBundle } = require(${JSON.stringify(join(installed, 'bin/cached-bundle.js'))});
    const { script } = loadBundle(${JSON.stringify(join(installed, BUNDLE))});
    console.log(String(script.cachedDataRejected));`;
  const run = (node: string) => execFileSync(node, ['-e', program], { encoding: 'utf8' });
  expect([run(process.execPath), run(other)]).toEqual(['false\n', 'undefined\n']);
});

it('code caches may be missing', () => {
  for (const bundle of BUNDLES) rmSync(join(installed, cacheOf(bundle)));
  expect(output('--version')).toBe('0.1.0\n');
  expect(output('list', '--help')).toContain('Usage: vzdump-format list');
});

describe('the bundle of one command', () => {
  const made = readdirSync(join(PACKAGE, 'dist')).filter((name) => /^vzdump-format\.[a-z]+\.cjs$/.test(name));

  it('is there for those that are used most', () => {
    expect(made.map((name) => name.split('.')[1]).sort()).toEqual([
      'dump',
      'list',
      'pack',
      'unpack',
      'verify',
    ]);
  });

  it.each(made)('has the help that the bundle of all has: %s', (name) => {
    const command = name.split('.')[1]!;
    cpSync(join(PACKAGE, 'dist', name), join(installed, 'dist', name));
    const own = output(command, '--help');
    rmSync(join(installed, 'dist', name));
    expect(own).toBe(output(command, '--help'));
  });

  it('takes a good deal less to read', () => {
    const [all, ofList] = BUNDLES.map((bundle) => readFileSync(join(installed, cacheOf(bundle))).length);
    expect(ofList).toBeLessThan(all! * 0.5);
  });
});
