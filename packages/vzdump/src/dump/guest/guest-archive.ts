import { type OutputSink, type PackTreeOptions, packTree, packVm, tar } from '@vzdump-format/archives';
import { IdMap, LOST_AND_FOUND } from '@vzdump-format/file-tree';
import { pathToBytes, printableName } from '@vzdump-format/posix';
import {
  BANDWIDTH_UNIT,
  formatIdRange,
  type Guest,
  type GuestConfig,
  idMap,
  LXC_CONFIG_NAME,
  LXC_FIREWALL_NAME,
  lxcArchiveConfig,
  QEMU_CONFIG_NAME,
  QEMU_FIREWALL_NAME,
  qemuArchiveConfig,
} from '@vzdump-format/pve';
import { ARCHIVE_STREAM, type BackupWriter } from '@vzdump-format/stores';
import type { VmaConfig } from '@vzdump-format/vma';
import type { DiskData, TreeData } from '../../guest-access/guest-access.js';
import type { DumpJob } from '../job/dump-job.js';
import { errorText, type GuestLogFile } from '../log.js';
import { tarBytes } from '../units.js';
import type { BackupPlace } from './backup-in-store.js';
import { ProgressLines, TreeProgressLines } from './progress-lines.js';

/** What making the archive of one guest takes. */
export interface ArchiveRun {
  readonly guest: Guest;
  /** Without the lock of the backup itself. */
  readonly config: GuestConfig;
  readonly job: DumpJob;
  readonly log: GuestLogFile;
  readonly place: BackupPlace;
  /** What is left out of a container. */
  readonly excludePatterns: readonly string[];
}

/**
 * Where the archive goes, as `packVm` and `packTree` take it. The journal is told the name of the
 * unfinished file.
 */
function archiveOutput({ job, log, place }: ArchiveRun) {
  const { codec, options: compress } = job.compression;
  const common = { codec, compress, onWarning: log.onWarning, signal: job.signal };
  if (place.archive === undefined) {
    log.info('sending archive to stdout');
    return { ...common, output: job.target.output! };
  }
  const writer = place.writer!;
  log.info(`creating vzdump archive '${place.archive}'`);
  job.journal.add({ kind: 'unfinished', path: writer.unfinishedPath });
  return { ...common, output: intoStore(writer) };
}

/** Writes the archive, which is all that the backup consists of, and commits the backup. */
function intoStore(writer: BackupWriter): OutputSink {
  return async (bytes, options) => {
    const size = await writer.write(ARCHIVE_STREAM, bytes, options);
    await writer.commit();
    return size;
  };
}

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
    let zeroBytes = 0;
    const { archiveBytes } = await packVm({
      ...{ ...output, configs, drives, uuid },
      bytesPerSecond: job.options.bwlimit * BANDWIDTH_UNIT,
      onZeros: (zeros) => {
        zeroBytes = zeros;
      },
      onProgress: (bytes, total = 0) => {
        if (drives.length > 0) lines ??= new ProgressLines(total, log.info);
        lines?.update({ bytes, zeroBytes });
        job.onEvent?.({ type: 'progress', vmid: guest.vmid, bytes, total });
      },
    });
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

/**
 * Makes the archive of a container: its configuration, its firewall rules, its files. @returns its size in
 * bytes
 */
export async function archiveContainer(data: TreeData, run: ArchiveRun): Promise<number> {
  const { job, log, guest, config } = run;
  const ranges = idMap(config).map(formatIdRange);
  const rules = (await job.root.readFirewall(guest.vmid)) ?? new Uint8Array();
  const output = archiveOutput(run);
  const startedAt = performance.now();
  const lines = new TreeProgressLines(log.info);
  const options: PackTreeOptions = {
    ...output,
    ...{ format: tar, tree: data.tree },
    first: [
      { path: withoutDot(LXC_CONFIG_NAME), data: pathToBytes(lxcArchiveConfig(config)) },
      { path: withoutDot(LXC_FIREWALL_NAME), data: rules },
    ],
    walk: { idMap: ranges.length === 0 ? undefined : IdMap.parse(ranges) },
    excludes: usablePatterns(data, run, ranges.length > 0),
    limit: job.options.bwlimit * BANDWIDTH_UNIT,
    onProgress: (bytes, total) => {
      lines.update(bytes);
      job.onEvent?.({ type: 'progress', vmid: guest.vmid, bytes, total });
    },
  };
  const { uncompressedBytes, archiveBytes } = await packTree(options);
  const rate = (uncompressedBytes / Math.max(performance.now() - startedAt, 1)) * 1000;
  log.info(`Total bytes written: ${uncompressedBytes} (${tarBytes(uncompressedBytes)}, ${tarBytes(rate)}/s)`);
  return archiveBytes;
}

/** A pattern that ends in a slash is something to rsync, and nothing to tar. */
function usablePatterns({ isCopy }: TreeData, run: ArchiveRun, isUnprivileged: boolean): readonly string[] {
  const usable: string[] = isUnprivileged ? [LOST_AND_FOUND] : [];
  for (const pattern of run.excludePatterns) {
    if (!pattern.endsWith('/')) usable.push(pattern);
    else if (!isCopy) {
      run.log.warn(`tar does not match exclusion with a trailing slash '${printableName(pattern)}'`);
    }
  }
  return usable;
}

function withoutDot(name: string): string {
  return name.replace(/^\.\//, '');
}
