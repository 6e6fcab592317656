import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { useTemporaryDirectory } from '@vzdump-format/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { CLI } from '../support/running-cli.js';

const PACKAGE = dirname(dirname(CLI));
const BUNDLE = 'dist/vzdump-format.cjs';

interface Loader {
  codeCacheOf(path: string): string;
  loadBundle(path: string): { readonly script: { readonly cachedDataRejected?: boolean } };
}

const REQUIRE = createRequire(import.meta.url);

const temporaryDirectory = useTemporaryDirectory();
let installed: string;
let loader: Loader;

beforeEach(() => {
  installed = temporaryDirectory();
  for (const path of ['bin', 'package.json', BUNDLE, cacheOfBundle()]) {
    cpSync(join(PACKAGE, path), join(installed, path), { recursive: true });
  }
  loader = REQUIRE(join(installed, 'bin/cached-bundle.js')) as Loader;
});

function cacheOfBundle(): string {
  return (REQUIRE(join(PACKAGE, 'bin/cached-bundle.js')) as Loader).codeCacheOf(BUNDLE);
}

function cacheIsTaken(): boolean {
  return loader.loadBundle(join(installed, BUNDLE)).script.cachedDataRejected === false;
}

function output(...args: readonly string[]): string {
  return execFileSync(process.execPath, [join(installed, 'bin/vzdump-format.js'), ...args], {
    encoding: 'utf8',
  });
}

// V8 remembers what it has compiled: the cache is looked at once in an installation.
describe('the code cache', () => {
  it('is taken', () => {
    expect(cacheIsTaken()).toBe(true);
  });

  it.each([
    ['of another version of V8', (cache: Buffer) => cache.fill(0x5a, 4, 8)],
    ['of another bundle', (cache: Buffer) => cache.fill(0x5a, 8, 12)],
    ['cut short', (cache: Buffer) => cache.subarray(0, cache.length / 2)],
    ['empty', () => Buffer.alloc(0)],
  ])('is passed over where it is %s', (_, change) => {
    const path = join(installed, cacheOfBundle());
    writeFileSync(path, change(readFileSync(path)));
    expect(cacheIsTaken()).toBe(false);
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

it('the code cache may be missing', () => {
  rmSync(join(installed, cacheOfBundle()));
  expect(output('--version')).toBe('0.1.0\n');
  expect(output('list', '--help')).toContain('Usage: vzdump-format list');
});

// Each takes some 0.5 to 2 ms; the sources get them by `process.getBuiltinModule` where they are used.
it.each([[['--version']], [['list', '--help']]])('modules that are slow to load are not: %o', (args) => {
  const slow = ['child_process', 'crypto', 'net', 'tty', 'worker_threads', 'zlib'];
  const program = `const { loadBundle } = require(${JSON.stringify(join(installed, 'bin/cached-bundle.js'))});
    const loaded = () => process.moduleLoadList.map((name) => name.replace('NativeModule ', ''));
    const before = new Set(loaded());
    loadBundle(${JSON.stringify(join(installed, BUNDLE))}).exports.run(${JSON.stringify(args)})
      .then(() => console.error(JSON.stringify(loaded().filter((name) => !before.has(name)))));`;
  const { stderr } = spawnSync(process.execPath, ['-e', program], {
    stdio: ['ignore', 'ignore', 'pipe'], // a pipe as standard output would need net
    encoding: 'utf8',
  });
  const loaded: readonly string[] = JSON.parse(stderr);
  expect(loaded).toContain('stream');
  expect(loaded.filter((name) => slow.includes(name))).toEqual([]);
});
