import { randomUUID } from 'node:crypto';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { packVm } from '@vzdump-format/archives';
import { pathToBytes } from '@vzdump-format/posix';
import { BANDWIDTH_UNIT, QEMU_CONFIG_NAME, QEMU_FIREWALL_NAME, qemuArchiveConfig } from '@vzdump-format/pve';
import { nameFile, onNamedFile, writeFully } from '@vzdump-format/streams';
import type { PackProgress } from '@vzdump-format/vma';
import type { DiskData } from '../../guest-access/guest-access.js';
import { errorText } from '../error-text.js';
import { type ArchiveRun, archiveOutput } from './archive-run.js';
import { ProgressLines } from './progress-lines.js';

/**
 * Makes the archive of a virtual machine: its configuration, its firewall rules, its disks. @returns its size
 * in bytes
 */
export async function archiveVm({ drives }: DiskData, run: ArchiveRun): Promise<number> {
  const { job, log, guest } = run;
  const configs = await writeConfigs(drives, run);
  const output = archiveOutput(run);
  const uuid = randomUUID();
  if (drives.length === 0) {
    log.info('backup contains no disks');
    log.info('starting diskless backup');
  } else {
    log.info(`started backup task '${uuid}'`);
  }
  let lines: ProgressLines | undefined;
  try {
    const onProgress = (progress: PackProgress, total: number) => {
      if (drives.length > 0) lines ??= new ProgressLines(total, log.info);
      lines?.update(progress);
      job.onEvent?.({ type: 'progress', vmid: guest.vmid, bytes: progress.bytes, total });
    };
    const bytesPerSecond = job.options.bwlimit * BANDWIDTH_UNIT;
    const { archiveBytes } = await packVm({ ...output, configs, drives, uuid, bytesPerSecond, onProgress });
    lines?.end();
    return archiveBytes;
  } catch (error) {
    log.error(job.signal?.aborted ? 'interrupted by signal' : errorText(error));
    log.info('aborting backup job');
    throw error;
  }
}

/** @returns the paths of what is stored beside the disks */
async function writeConfigs(drives: DiskData['drives'], run: ArchiveRun): Promise<readonly string[]> {
  const { job, log, guest, config, temporaryDirectory } = run;
  const { text, messages } = qemuArchiveConfig(
    config,
    drives.map(({ mapEntry }) => mapEntry),
  );
  for (const message of messages) log.info(message);
  const configPath = join(temporaryDirectory, QEMU_CONFIG_NAME);
  await writePrivately(configPath, pathToBytes(text));
  const rules = await job.root.readFirewall(guest.vmid);
  if (rules === undefined) return [configPath];
  const firewallPath = join(temporaryDirectory, QEMU_FIREWALL_NAME);
  await writePrivately(firewallPath, rules);
  return [configPath, firewallPath];
}

/** A configuration may hold passwords. */
async function writePrivately(path: string, bytes: Uint8Array): Promise<void> {
  const file = nameFile(await open(path, 'w', 0o600), { path });
  try {
    await writeFully(file, bytes, 0);
  } finally {
    await onNamedFile(file, () => file.close());
  }
}
