import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { scratch } from '@vzdump-format/testing';
import { afterEach, expect, test, vi } from 'vitest';
import { howToMakeTemplate } from './host-program.js';

afterEach(() => {
  vi.unstubAllEnvs();
});

test('a template is made by a command where it is there and knows the guest, else by hand', async () => {
  const directory = await scratch();
  const guest = { type: 'lxc', vmid: 101, configPath: '/etc/pve/lxc/101.conf' } as const;
  const byHand = "add the line 'template: 1' to ";
  expect(howToMakeTemplate(guest)).toBe(`${byHand}/etc/pve/lxc/101.conf`);
  await writeFile(join(directory, 'pct'), '', { mode: 0o755 });
  vi.stubEnv('PATH', directory);
  expect(howToMakeTemplate(guest)).toBe('pct template 101');
  const configPath = join(directory, 'lxc/101.conf');
  expect(howToMakeTemplate({ ...guest, configPath })).toBe(byHand + configPath);
});
