import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DEFAULT_PVE_ROOT, PveRoot } from '@vzdump-format/pve';
import { scratch } from '@vzdump-format/testing';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { howToUnlock } from '../../guest-access/host-program.js';
import { JobLock } from '../job/job-lock.js';
import { lockGuest } from './guest-lock.js';

async function lockOf(text: string) {
  const directory = await scratch();
  await mkdir(join(directory, 'qemu-server'));
  const path = join(directory, 'qemu-server', '100.conf');
  await writeFile(path, text);
  const root = await PveRoot.open(directory);
  const lockPath = join(directory, 'lock');
  const jobLock = await JobLock.acquire({ path: lockPath, waitMinutes: 0, onMessage: () => {} });
  onTestFinished(() => jobLock.release());
  const lock = () => lockGuest(root, { vmid: 100, type: 'qemu', configPath: path }, jobLock.journal);
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

describe('a guest that cannot be unlocked', () => {
  const failing = {
    code: 'GUEST_UNLOCK',
    message: expect.stringContaining('VM 100 is still locked (backup)'),
  };

  test('is named, with the line to remove where there is no Proxmox VE', async () => {
    const { path, lock } = await lockOf('name: a\n');
    const { unlock } = await lock();
    await rm(dirname(path), { recursive: true });
    const hint = `unlock it: remove the line 'lock: backup' from ${path}`;
    await expect(unlock()).rejects.toMatchObject({ ...failing, hint });
  });

  test.each([
    ['qemu', 'qm unlock 100'],
    ['lxc', 'pct unlock 100'],
  ] as const)('is unlocked where there is: %s by %s', async (type, command) => {
    const bin = await scratch();
    for (const program of ['qm', 'pct']) await writeFile(join(bin, program), '', { mode: 0o755 });
    vi.stubEnv('PATH', bin);
    onTestFinished(() => void vi.unstubAllEnvs());
    const configPath = `${DEFAULT_PVE_ROOT}/${type === 'qemu' ? 'qemu-server' : 'lxc'}/100.conf`;
    expect(howToUnlock({ type, vmid: 100, configPath }, 'backup')).toBe(command);
  });
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
    hint: expect.stringContaining(`remove the line 'lock: migrate' from ${path}`),
  });
});
