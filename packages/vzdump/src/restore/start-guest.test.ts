import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { scratch } from '@vzdump-format/testing';
import { expect, test, vi } from 'vitest';
import { requireStartable, startCommand } from './commit-guest.js';
import { newRestoreJob } from './restore-job.js';

test('Proxmox VE starts guests by its own programs', () => {
  expect(startCommand('qemu', 300)).toEqual(['qm', 'start', '300']);
  expect(startCommand('lxc', 300)).toEqual(['pct', 'start', '300']);
});

test('those of another configuration it does not know', async () => {
  const directory = await scratch();
  await mkdir(join(directory, 'pve'));
  await mkdir(join(directory, 'bin'));
  await writeFile(join(directory, 'bin/qm'), '', { mode: 0o755 });
  vi.stubEnv('PATH', `${directory}/bin:${process.env.PATH}`);
  const options = { archive: '-', vmid: 300, pveRoot: join(directory, 'pve') };
  const job = await newRestoreJob({ ...options, start: true });
  await expect(requireStartable(job, 'qemu')).rejects.toMatchObject({
    code: 'RESTORE_START',
    message: 'the guest cannot be started: qm knows only the guests of /etc/pve',
  });
  await expect(requireStartable(await newRestoreJob(options), 'qemu')).resolves.toBeUndefined();
  vi.unstubAllEnvs();
});
