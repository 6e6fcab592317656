import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { sizeThreadPool } from './main.js';

function sizeFor(cores: number, environment: NodeJS.ProcessEnv = {}): string | undefined {
  sizeThreadPool(environment, cores);
  return environment.UV_THREADPOOL_SIZE;
}

test('a thread for each core and two more, but not fewer than Node takes by itself', () => {
  expect([1, 2, 3, 32].map((cores) => sizeFor(cores))).toEqual([undefined, undefined, '5', '34']);
});

test('the user has a say', () => {
  expect(sizeFor(32, { UV_THREADPOOL_SIZE: '8' })).toBe('8');
});

test.runIf(process.platform === 'linux')('the command line says so early enough', () => {
  const file = (path: string) => JSON.stringify(fileURLToPath(new URL(path, import.meta.url)));
  const program = `const { readdirSync, promises } = require('node:fs');
    require('node:os').availableParallelism = () => 7;
    const threads = () => readdirSync('/proc/self/task').length;
    const before = threads();
    require(${file('../bin/cached-bundle.js')}).loadBundle(${file('../dist/vzdump-format.cjs')}).exports.run(['--version'])
      .then(() => Promise.all(Array.from({ length: 50 }, () => promises.stat('/'))))
      .then(() => console.log(threads() - before));`;
  const { UV_THREADPOOL_SIZE: _, ...env } = process.env;
  const { stdout } = spawnSync(process.execPath, ['-e', program], { env });
  expect(String(stdout).split('\n')).toEqual([expect.stringMatching(/^\d+\./), '9', '']);
});
