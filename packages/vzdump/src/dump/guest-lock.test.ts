import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { PveRoot } from '../config/pve-root.js';
import { scratch } from '../testing/scratch.js';
import { lockGuest } from './guest-lock.js';
import { JobLock } from './job-lock.js';

async function lockOf(text: string) {
  const directory = await scratch();
  await mkdir(join(directory, 'qemu-server'));
  const path = join(directory, 'qemu-server', '100.conf');
  await writeFile(path, text);
  const root = await PveRoot.open(directory);
  const lockPath = join(directory, 'lock');
  const { journal } = await JobLock.acquire({ path: lockPath, waitMinutes: 0, onMessage: () => {} });
  const lock = () => lockGuest(root, { vmid: 100, type: 'qemu', configPath: path }, journal);
  return { path, lock, lockPath, content: () => readFile(path, 'utf8') };
}

describe('a configuration that is locked meanwhile is afterwards byte for byte what it was', () => {
  test.each([
    ['name: a\nmemory: 512\n'],
    ['name: a'],
    [''],
    ['#no line end\n# twice\nname: a\r\n\n\n[snap]\nlock: x\nname: b'],
    ['nonsense\nname:a\n'],
  ])('%j', async (text) => {
    const { lock, content, lockPath, path } = await lockOf(text);
    const { unlock, config } = await lock();
    expect(await content()).toMatch(/^lock: backup\r?$/m);
    expect(config.sections[0].lines.map((line) => line.text).join('')).not.toContain('lock: backup');
    expect(await readFile(lockPath, 'utf8')).toContain(JSON.stringify({ kind: 'locked', path }));
    await unlock();
    expect(await content()).toBe(text);
  });
});

test('what others changed meanwhile stays', async () => {
  const { path, lock, content } = await lockOf('name: a\n');
  const { unlock } = await lock();
  await writeFile(path, 'lock: backup\nname: b\nonboot: 1\n');
  await unlock();
  expect(await content()).toBe('name: b\nonboot: 1\n');
});

test('the lock of somebody else stays', async () => {
  const { path, lock, content } = await lockOf('name: a\n');
  const { unlock } = await lock();
  await writeFile(path, 'lock: migrate\nname: a\n');
  await unlock();
  expect(await content()).toBe('lock: migrate\nname: a\n');
  await expect(lock()).rejects.toMatchObject({
    code: 'GUEST_LOCKED',
    message: 'VM is locked (migrate)',
    hint: expect.stringContaining('qm unlock 100'),
  });
});
