import { packVm } from '@vzdump-format/archives';
import { pathToBytes } from '@vzdump-format/posix';
import { BANDWIDTH_UNIT, QEMU_CONFIG_NAME, QEMU_FIREWALL_NAME, qemuArchiveConfig } from '@vzdump-format/pve';
import type { PackProgress, VmaConfig } from '@vzdump-format/vma';
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
  const configs = await archivedConfigs(drives, run);
  const output = archiveOutput(run);
  const uuid = process.getBuiltinModule('node:crypto').randomUUID();
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

/** What is stored beside the disks. */
async function archivedConfigs(
  drives: DiskData['drives'],
  { job, log, guest, config }: ArchiveRun,
): Promise<readonly VmaConfig[]> {
  const { text, messages } = qemuArchiveConfig(
    config,
    drives.map(({ mapEntry }) => mapEntry),
  );
  for (const message of messages) log.info(message);
  const rules = await job.root.readFirewall(guest.vmid);
  return [
    { name: QEMU_CONFIG_NAME, data: pathToBytes(text) },
    ...(rules === undefined ? [] : [{ name: QEMU_FIREWALL_NAME, data: rules }]),
  ];
}
