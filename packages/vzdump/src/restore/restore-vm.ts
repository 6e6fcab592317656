import type { OpenArchive } from '@vzdump-format/archives';
import { printableName } from '@vzdump-format/posix';
import {
  type GuestConfig,
  QEMU_CONFIG_NAME,
  QEMU_FIREWALL_NAME,
  restoreQemuConfig,
  withDriveSizes,
  withoutKeys,
} from '@vzdump-format/pve';
import { ArchiveError } from '@vzdump-format/streams';
import { findConfig, unpackVma, type VmaHeader } from '@vzdump-format/vma';
import { howToMakeTemplate } from '../guest-access/host-program.js';
import { admittedConfig, parseArchivedConfig } from './admitted-config.js';
import { commitGuest, requireStartable, startGuest } from './commit-guest.js';
import { DriveOutput, type DrivePlan, orphanVolumes, planDrives } from './drives.js';
import { requireRestorable } from './replaced-guest.js';
import { archivePath, type RestoreJob } from './restore-job.js';
import type { RestoreResult } from './restore-options.js';

/** Restores a virtual machine of a VMA archive. */
export async function restoreVm(archive: OpenArchive, job: RestoreJob): Promise<RestoreResult> {
  const { options } = job;
  const { vmid, onWarning, signal } = options;
  requireNoContainerOptions(job);
  const replaced = await requireRestorable(job, 'qemu');
  await requireStartable(job, 'qemu');
  job.tell({ type: 'archive', guest: 'qemu', path: archivePath(job) });
  const records = unpackVma(archive.bytes, { onWarning, signal });
  const output = new DriveOutput(job, options.writerFor?.(archive.codec));
  try {
    const first = await records.next();
    if (first.done || first.value.kind !== 'header') throw new Error('a VMA archive begins with its header');
    const { header } = first.value;
    job.tell({ type: 'contents', ...contentsOf(header) });
    const { name, data } = findConfig(header, QEMU_CONFIG_NAME);
    const archived = parseArchivedConfig({ type: 'qemu', name, data }, job);
    const drives = await planDrives(archived, header, job);
    const volumes = new Map(drives.map(({ key, volume }) => [key, volume]));
    const config = restoredConfig(archived, drives, volumes, job);
    const orphans = await orphanVolumes(drives, job);
    for (const drive of drives) await output.open(drive);
    const bytes = await output.writeAll(records, header);
    await commitGuest(job, {
      ...{ config, volumes, orphans, replaced },
      firewall: header.configs.find(({ name }) => name === QEMU_FIREWALL_NAME)?.data,
      restored: new Set(drives.map(({ key }) => key)),
    });
    await startGuest(job, 'qemu');
    return { type: 'qemu', vmid, configPath: job.pveRoot.configPath('qemu', vmid), volumes, bytes };
  } finally {
    await output.close();
    await records.return(undefined);
  }
}

function contentsOf({ configs, devices, ctime }: VmaHeader) {
  return { configs: configs.map(({ name, data }) => ({ name, size: data.length })), devices, ctime };
}

/**
 * The configuration is made before the first byte is written, so that what is wrong with it is known by
 * then.
 */
function restoredConfig(
  archived: GuestConfig,
  drives: readonly DrivePlan[],
  volumes: ReadonlyMap<string, string>,
  job: RestoreJob,
): GuestConfig {
  const { options, identity } = job;
  const { vmid, unique = false, onWarning } = options;
  const admitted = admittedConfig(archived, (key) => volumes.has(key), job);
  const rewritten = restoreQemuConfig(admitted, { volumes, unique, identity, onWarning });
  const sizes = new Map(drives.map(({ key, size }) => [key, size]));
  const config = withoutKeys(withDriveSizes(rewritten, sizes), (key) => key === 'template');
  if (config.sections[0].lines.length < rewritten.sections[0].lines.length) {
    onWarning?.({
      code: 'RESTORE_TEMPLATE',
      message: `${vmid} was a template, and is restored as a virtual machine`,
      hint: `make it one again: ${howToMakeTemplate({ type: 'qemu', vmid, configPath: job.pveRoot.configPath('qemu', vmid) })}`,
    });
  }
  return config;
}

function requireNoContainerOptions({ options }: RestoreJob): void {
  const { mountPoints, overrides, unprivileged, ignoreUnpackErrors } = options;
  const given = [
    ...(mountPoints?.keys() ?? []),
    ...(overrides?.keys() ?? []),
    ...(unprivileged === undefined ? [] : ['unprivileged']),
    ...(ignoreUnpackErrors ? ['ignore-unpack-errors'] : []),
  ];
  if (given.length === 0) return;
  throw new ArchiveError(
    'RESTORE_OPTION',
    `${given.map(printableName).join(', ')}: only for containers, and the archive is a virtual machine's`,
  );
}
