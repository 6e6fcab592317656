import { execFile } from 'node:child_process';
import { chmod, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { scratch } from '@vzdump-format/testing';
import { expect, test } from 'vitest';
import { JobLock, stopJob } from './job-lock.js';

async function lockIn(directory: string, options: { waitMinutes?: number; signal?: AbortSignal } = {}) {
  const messages: string[] = [];
  const lock = JobLock.acquire({
    ...{ path: join(directory, 'lock'), waitMinutes: 1, onMessage: (message) => messages.push(message) },
    ...options,
  });
  return { lock: await lock, messages };
}

test('one at a time; who waits gets it when it is free', async () => {
  const directory = await scratch();
  const first = await lockIn(directory);
  expect(first.messages).toEqual([]);
  const second = lockIn(directory);
  await first.lock.release();
  const { lock, messages } = await second;
  expect([[], ['trying to get global lock - waiting...', 'got global lock']]).toContainEqual(messages);
  await lock.release();
});

test('who waits says so', async () => {
  const directory = await scratch();
  const { lock } = await lockIn(directory);
  const messages: string[] = [];
  const waiting = JobLock.acquire({
    path: join(directory, 'lock'),
    waitMinutes: 1,
    onMessage(message) {
      messages.push(message);
      if (messages.length === 1) void lock.release();
    },
  });
  await (await waiting).release();
  expect(messages).toEqual(['trying to get global lock - waiting...', 'got global lock']);
});

test('who does not want to wait', async () => {
  const directory = await scratch();
  const { lock } = await lockIn(directory);
  const path = join(directory, 'lock');
  await expect(lockIn(directory, { waitMinutes: 0 })).rejects.toMatchObject({
    code: 'JOB_LOCK',
    message: `can't acquire lock '${path}' (wait = 0)`,
  });
  await expect(lockIn(directory, { waitMinutes: 0.001 })).rejects.toMatchObject({
    message: `can't acquire lock '${path}' - got timeout`,
  });
  await lock.release();
});

test('an abort ends the wait', async () => {
  const directory = await scratch();
  const { lock } = await lockIn(directory);
  const controller = new AbortController();
  const waiting = JobLock.acquire({
    ...{ path: join(directory, 'lock'), waitMinutes: 1, signal: controller.signal },
    onMessage: () => controller.abort(new Error('enough')),
  });
  await expect(waiting).rejects.toThrow('enough');
  await lock.release();
});

test('who holds vzdump off holds us off, and the other way round', async () => {
  const directory = await scratch();
  const path = join(directory, 'lock');
  const flock = (...args: string[]) => promisify(execFile)('flock', [...args, path, 'true']);
  const { lock } = await lockIn(directory);
  await expect(flock('-n')).rejects.toMatchObject({ code: 1 });
  await lock.release();
  await flock('-n');
});

test('a lock is no link to something else', async () => {
  const directory = await scratch();
  await writeFile(join(directory, 'precious'), 'content');
  await symlink('precious', join(directory, 'lock'));
  await expect(lockIn(directory)).rejects.toMatchObject({ code: 'JOB_LOCK' });
  expect(await readFile(join(directory, 'precious'), 'utf8')).toBe('content');
});

test('to stop a job that there is not is nothing to do; one that does not say who it is, an error', async () => {
  const directory = await scratch();
  const path = join(directory, 'lock');
  await stopJob(path);
  const { lock } = await lockIn(directory);
  await expect(stopJob(path)).rejects.toMatchObject({ code: 'JOB_LOCK', hint: expect.any(String) });
  await lock.release();
});

test('what a job leaves that was killed is told by the file, if that is ours alone', async () => {
  const directory = await scratch();
  const path = join(directory, 'lock');
  const unfinished = { kind: 'unfinished', path: '/dump/vzdump-qemu-100-2026_01_01-00_00_00.vma.dat' };
  const temporary = { kind: 'temporary', path: '/var/tmp/vzdumptmp12_100' };
  const locked = { kind: 'locked', path: '/etc/pve/lxc/101.conf' };
  const others = [
    { kind: 'unfinished', path: '/etc/passwd' },
    { kind: 'unfinished', path: 'vzdump-qemu-100-2026_01_01-00_00_00.vma.dat' },
    { kind: 'temporary', path: '/home' },
    { kind: 'locked', path: '/etc/passwd' },
    { kind: 'constructor', path: '/home' },
    { kind: 'unfinished' },
  ];
  const lines = [{ pid: 12 }, unfinished, ...others, temporary, locked].map((line) => JSON.stringify(line));
  await writeFile(path, `${lines.join('\n')}\n7\nnull\n{"kind":"unfin`);
  const { lock } = await lockIn(directory);
  expect(lock.journal.leftovers()).toEqual([unfinished, temporary, locked]);
  expect(lock.journal.pid()).toBe(12);
  await chmod(path, 0o666);
  expect(lock.journal.leftovers()).toEqual([]);
  await chmod(path, 0o600);
  lock.journal.begin([]);
  lock.journal.add({ kind: 'temporary', path: '/var/tmp/vzdumptmp1_1' });
  lock.journal.settle(false);
  lock.journal.add({ kind: 'temporary', path: '/var/tmp/vzdumptmp1_2' });
  lock.journal.settle(true);
  expect(lock.journal.pid()).toBe(process.pid);
  await lock.release();
  expect(await readFile(path, 'utf8')).toBe('{"kind":"temporary","path":"/var/tmp/vzdumptmp1_1"}\n');
});
