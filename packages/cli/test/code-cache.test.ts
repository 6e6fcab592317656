import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CLI } from './running-cli.js';

const PACKAGE = dirname(dirname(CLI));
const BUNDLE = 'dist/vzdump-format.cjs';
const CACHE = `${BUNDLE}.cache`;

interface Loader {
  loadBundle(path: string): { readonly script: { readonly cachedDataRejected?: boolean } };
}

let installed: string;

beforeEach(() => {
  installed = mkdtempSync(join(tmpdir(), 'code-cache-'));
  for (const path of ['bin', 'package.json', BUNDLE, CACHE]) {
    cpSync(join(PACKAGE, path), join(installed, path), { recursive: true });
  }
});

afterEach(() => rmSync(installed, { recursive: true }));

function takesCache(): boolean {
  const loader = createRequire(import.meta.url)(join(installed, 'bin/cached-bundle.js')) as Loader;
  return loader.loadBundle(join(installed, BUNDLE)).script.cachedDataRejected === false;
}

function versionShown(): string {
  return execFileSync(process.execPath, [join(installed, 'bin/vzdump-format.js'), '--version'], {
    encoding: 'utf8',
  });
}

describe('the code cache that the build makes', () => {
  it('is taken', () => {
    expect(takesCache()).toBe(true);
    expect(versionShown()).toBe('0.1.0\n');
  });

  it.each([
    ['of another version of V8', (cache: Buffer) => cache.fill(0x5a, 4, 8)],
    ['of another bundle', (cache: Buffer) => cache.fill(0x5a, 8, 12)],
    ['cut short', (cache: Buffer) => cache.subarray(0, cache.length / 2)],
    ['empty', () => Buffer.alloc(0)],
  ])('is passed over where it is %s', (_, change) => {
    const path = join(installed, CACHE);
    writeFileSync(path, change(readFileSync(path)));
    expect(takesCache()).toBe(false);
    expect(versionShown()).toBe('0.1.0\n');
  });

  it('may be missing', () => {
    rmSync(join(installed, CACHE));
    expect(versionShown()).toBe('0.1.0\n');
  });
});
