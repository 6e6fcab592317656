import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { keptScratch } from '@vzdump-format/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { JobFailure, WorkerPool } from './pool.js';

const scratch = keptScratch();
let script: URL;
const serve = new URL('../../dist/workers/serve.js', import.meta.url).href;
const WORKER = `import { serveJobs } from '${serve}';
  let count = 0;
  serveJobs((job) => {
    if (job === 'fail') throw new Error('as told');
    if (job === 'exit') process.exit(3);
    if (job === 'loop') for (;;);
    return { result: [job, ++count], transfer: [] };
  });`;

beforeAll(async () => {
  await scratch.make();
  script = pathToFileURL(scratch.path('worker.mjs'));
  writeFileSync(script, WORKER);
});
afterAll(scratch.remove);

test('jobs are shared out, and answered in order by each worker', async () => {
  const pool = new WorkerPool<number, [number, number]>(script, 3);
  const results = await Promise.all(Array.from({ length: 12 }, (_, job) => pool.run(job, [])));
  expect(results.map(([job]) => job)).toEqual(Array.from({ length: 12 }, (_, job) => job));
  expect(Math.max(...results.map(([, count]) => count))).toBeLessThanOrEqual(6);
  pool.close();
});

test('a job that throws fails alone', async () => {
  const pool = new WorkerPool<string, [string, number]>(script, 1);
  await expect(pool.run('fail', [])).rejects.toEqual(new JobFailure('as told'));
  expect(await pool.run('x', [])).toEqual(['x', 1]);
  pool.close();
});

test('a worker that is gone fails its jobs, and is replaced', async () => {
  const pool = new WorkerPool<string, [string, number]>(script, 1);
  await expect(pool.run('exit', [])).rejects.toThrow('ended unexpectedly');
  expect(await pool.run('x', [])).toEqual(['x', 1]);
  pool.close();
  const missing = new WorkerPool<string, unknown>(new URL('./missing.js', script), 1);
  await expect(missing.run('x', [])).rejects.toThrow(/missing\.js/);
});

test('an abort ends what is running', async () => {
  const controller = new AbortController();
  const pool = new WorkerPool<string, unknown>(script, 2, controller.signal);
  const running = pool.run('loop', []);
  controller.abort(new Error('enough'));
  await expect(running).rejects.toThrow('enough');
  expect(() => pool.run('x', [])).toThrow('enough');
});

test('a program can end while idle workers are there', () => {
  const pool = new URL('../../dist/workers/pool.js', import.meta.url).href;
  const program = `import { WorkerPool } from '${pool}';
    const pool = new WorkerPool(new URL('${script.href}'), 2);
    console.log(JSON.stringify(await pool.run('x', [])));`;
  const { stdout, status } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    timeout: 20_000,
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  expect(String(stdout)).toBe('["x",1]\n');
  expect(status).toBe(0);
});
