import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CLI } from './running-cli.js';

const PACKAGE = dirname(dirname(CLI));
const BUNDLE = 'dist/vzdump-format.cjs';
/** That of all commands, and that of one. */
const CACHES = [`${BUNDLE}.cache`, `${BUNDLE}.list.cache`];

interface Loader {
  loadBundle(path: string, codeCache: Buffer): { readonly script: { readonly cachedDataRejected?: boolean } };
  readCodeCache(path: string, command: string): Buffer;
}

let installed: string;

beforeEach(() => {
  installed = mkdtempSync(join(tmpdir(), 'code-cache-'));
  for (const path of ['bin', 'package.json', BUNDLE, ...CACHES]) {
    cpSync(join(PACKAGE, path), join(installed, path), { recursive: true });
  }
});

afterEach(() => rmSync(installed, { recursive: true }));

function cacheIsTaken(command: string): boolean {
  const loader = createRequire(import.meta.url)(join(installed, 'bin/cached-bundle.js')) as Loader;
  const bundle = join(installed, BUNDLE);
  return loader.loadBundle(bundle, loader.readCodeCache(bundle, command)).script.cachedDataRejected === false;
}

function output(...args: readonly string[]): string {
  return execFileSync(process.execPath, [join(installed, 'bin/vzdump-format.js'), ...args], {
    encoding: 'utf8',
  });
}

// V8 remembers what it has compiled: each is looked at once in an installation.
describe.each([
  ['of a command', 'list'],
  ['of all, for a command that has none of its own', 'cat'],
  ['of all, for what is no command', '../list'],
])('the code cache %s', (_, command) => {
  it('is taken', () => {
    expect(cacheIsTaken(command)).toBe(true);
  });

  it.each([
    ['of another version of V8', (cache: Buffer) => cache.fill(0x5a, 4, 8)],
    ['of another bundle', (cache: Buffer) => cache.fill(0x5a, 8, 12)],
    ['cut short', (cache: Buffer) => cache.subarray(0, cache.length / 2)],
    ['empty', () => Buffer.alloc(0)],
  ])('is passed over where it is %s', (_, change) => {
    for (const path of CACHES.map((cache) => join(installed, cache))) {
      writeFileSync(path, change(readFileSync(path)));
    }
    expect(cacheIsTaken(command)).toBe(false);
    expect(output('list', '--help')).toContain('Usage: vzdump-format list');
  });
});

describe('the code caches', () => {
  it('are smaller for one command than for all', () => {
    const [all, ofList] = CACHES.map((path) => readFileSync(join(installed, path)).length);
    expect(ofList).toBeLessThan(all! * 0.8);
  });

  it('may be missing', () => {
    for (const path of CACHES) rmSync(join(installed, path));
    expect(output('--version')).toBe('0.1.0\n');
    expect(output('list', '--help')).toContain('Usage: vzdump-format list');
  });
});
