import {
  type OpenArchive,
  openArchive,
  openTree,
  type TreeFormat,
  treeConfig,
} from '@vzdump-format/archives';
import {
  ContentProgress,
  type FileEntry,
  IdMap,
  type RestoreTreeResult,
  readAccounts,
  restoreTree,
} from '@vzdump-format/file-tree';
import { printableName } from '@vzdump-format/posix';
import {
  configValue,
  formatIdRange,
  type GuestConfig,
  idMap,
  isMountPointKey,
  isUnprivileged,
  LXC_CONFIG_NAME,
  parseBoolean,
  restoreLxcConfig,
} from '@vzdump-format/pve';
import { ArchiveError, type RateLimiter } from '@vzdump-format/streams';
import { howToMakeTemplate } from '../guest-access/host-program.js';
import { admittedConfig, parseArchivedConfig } from './admitted-config.js';
import { ArchivedFiles, isDeviceFile, restoredEntries, routeEntries } from './archived-entries.js';
import { commitGuest, requireStartable, startGuest } from './commit-guest.js';
import { type ContainerPlan, type OpenVolume, OpenVolumes, planMountPoints } from './mount-points.js';
import { requireRestorable } from './replaced-guest.js';
import { archivePath, isRestricted, limitFor, limitReading, type RestoreJob } from './restore-job.js';
import type { RestoreResult } from './restore-options.js';

export interface ContainerArchive {
  readonly archive: OpenArchive;
  readonly format: TreeFormat;
  /** Of what is read of the archive. */
  readonly limiter: RateLimiter;
}

/** Restores a container of an archive of files. */
export async function restoreContainer(
  { archive, format, limiter }: ContainerArchive,
  job: RestoreJob,
): Promise<RestoreResult> {
  const { vmid, onWarning, signal } = job.options;
  requireNoDrives(job);
  const replaced = await requireRestorable(job, 'lxc');
  await requireStartable(job, 'lxc');
  await archive.payload?.(); // if it is not there, nothing is to be made
  job.tell({ type: 'archive', guest: 'lxc', path: archivePath(job) });
  const files = await ArchivedFiles.open(format.entries(archive, { onWarning, signal }));
  let volumes: OpenVolumes | undefined;
  try {
    const early = files.config ?? (await findConfig(format, job));
    const archived = parseArchived(early ?? new Uint8Array(), job);
    if (early === undefined) requireRootfs(job);
    const plan = await planMountPoints(archived, job);
    const config = mergedConfig(archived, plan, job);
    const ids = idMapOf(config);
    limitBy(plan, limiter, job);
    volumes = new OpenVolumes(job, ids);
    for (const mount of plan.mounts) await volumes.open(mount);
    const bytes = await extract(files, volumes.volumes, { ids, zerosToHoles: !format.hasHoles }, job);
    await volumes.finish();
    const volumesByKey = new Map(plan.mounts.map(({ key, volume }) => [key, volume]));
    await commitGuest(job, {
      config: early === undefined ? lateConfig(files, plan, config, job) : config,
      firewall: files.firewall,
      volumes: volumesByKey,
      restored: plan.restored,
      orphans: [],
      replaced,
    });
    await startGuest(job, 'lxc');
    const configPath = job.pveRoot.configPath('lxc', vmid);
    return { type: 'lxc', vmid, configPath, volumes: volumesByKey, bytes };
  } finally {
    await files.close();
    await volumes?.close();
  }
}

/**
 * The configuration of an archive that does not begin with it, if it can be read again.
 * @throws `RESTORE_CONFIG`
 */
async function findConfig(format: TreeFormat, job: RestoreJob): Promise<Uint8Array | undefined> {
  if (archivePath(job) === undefined) return undefined;
  const { maxWindowLog, payload, useIndex, indexDirectory, signal } = job.options;
  const reading = { maxWindowLog, payload, useIndex, indexDirectory };
  const archive = await openArchive(job.archive, { ...reading, parts: true, signal });
  try {
    return await treeConfig(openTree(format, archive, { signal }), 'pct.conf');
  } catch (error) {
    if (!(error instanceof ArchiveError) || error.code !== 'CONFIG_NOT_FOUND') throw error;
    throw new ArchiveError('RESTORE_CONFIG', 'archive contains no configuration file', {
      hint: `a container's archive has ${LXC_CONFIG_NAME}; unpack takes this one apart`,
    });
  } finally {
    await archive.close();
  }
}

function parseArchived(data: Uint8Array, job: RestoreJob): GuestConfig {
  const { overrides, mountPoints } = job.options;
  const archived = parseArchivedConfig({ type: 'lxc', name: LXC_CONFIG_NAME, data }, job);
  const placesAll = mountPoints !== undefined && mountPoints.size > 0;
  const isReplaced = (key: string) => overrides?.has(key) || (placesAll && isMountPointKey(key));
  return admittedConfig(archived, isReplaced, job);
}

function mergedConfig(archived: GuestConfig, plan: ContainerPlan, job: RestoreJob): GuestConfig {
  const { vmid, overrides, unprivileged, unique = false, onWarning } = job.options;
  if (!overrides?.has('template') && parseBoolean(configValue(archived, 'template') ?? '0')) {
    onWarning?.({
      code: 'RESTORE_TEMPLATE',
      message: `${vmid} was a template, and is restored as a container`,
      hint: `make it one again: ${howToMakeTemplate({ type: 'lxc', vmid, configPath: job.pveRoot.configPath('lxc', vmid) })}`,
    });
  }
  return restoreLxcConfig(archived, {
    ...{ vmid, mountPoints: plan.values, unprivileged, unique, identity: job.identity, onWarning },
    ...(overrides === undefined ? {} : { overrides }),
    restricted: isRestricted(),
  });
}

/**
 * The configuration of a stream that did not begin with it, and from which the files were unpacked without
 * it.
 * @throws `RESTORE_CONFIG` when they would have to belong to other users
 */
function lateConfig(
  files: ArchivedFiles,
  plan: ContainerPlan,
  assumed: GuestConfig,
  job: RestoreJob,
): GuestConfig {
  if (files.config === undefined) {
    job.options.onWarning?.({
      code: 'RESTORE_CONFIG',
      message: 'Backup archive does not contain any configuration: the container has defaults',
    });
    return assumed;
  }
  const options = { ...job.options, unprivileged: isUnprivileged(assumed) };
  const config = mergedConfig(parseArchived(files.config, job), plan, { ...job, options });
  if (rangesOf(config).join() === rangesOf(assumed).join()) return config;
  throw new ArchiveError('RESTORE_CONFIG', 'the configuration came late, and maps ids otherwise', {
    hint: 'restore it from a file, where the configuration is looked for first',
  });
}

function idMapOf(config: GuestConfig): IdMap | undefined {
  const ranges = rangesOf(config);
  return ranges.length === 0 ? undefined : IdMap.parse(ranges);
}

function rangesOf(config: GuestConfig): readonly string[] {
  return idMap(config).map(formatIdRange);
}

/** The archive as it is stored is read as fast as the storages allow that the container goes to. */
function limitBy({ mounts }: ContainerPlan, limiter: RateLimiter, job: RestoreJob): void {
  const storages = new Set(mounts.flatMap(({ made }) => made?.storage ?? []));
  limitReading(job, limiter, limitFor(job, [...storages]));
}

/** @returns the bytes of all files */
async function extract(
  files: ArchivedFiles,
  volumes: readonly OpenVolume[],
  { ids, zerosToHoles }: { readonly ids: IdMap | undefined; readonly zerosToHoles: boolean },
  job: RestoreJob,
): Promise<number> {
  const { onWarning, onProgress, signal, ignoreUnpackErrors = false } = job.options;
  let restored = 0;
  let bytes = 0;
  const count = (result: RestoreTreeResult) => {
    restored += result.restored;
    bytes += result.bytes;
  };
  const progress = new ContentProgress(onProgress);
  const entries = restoredEntries(progress.watch(files.rest()), { accounts: readAccounts(), onWarning });
  const targets = volumes.map(({ plan: { path }, directory }) => ({
    path,
    restore: async (own: AsyncIterable<FileEntry>) => {
      const result = await restoreTree(own, directory, {
        ...{ existing: 'skip', freshTarget: true, idMap: ids, onWarning, onFailure: count, signal },
        ...{ zerosToHoles, devices: ids === undefined },
        ...(path === '' ? { excludes: isDeviceFile } : {}),
      });
      count(result);
    },
  }));
  const [only] = targets;
  try {
    await (targets.length === 1 ? only!.restore(entries) : routeEntries(entries, targets, onWarning));
  } catch (error) {
    if (!ignoreUnpackErrors || signal?.aborted) throw error;
    const message = `not all could be unpacked, and what could is kept: ${(error as Error).message}`;
    onWarning?.({ code: 'RESTORE_UNPACK', message });
  }
  job.tell({ type: 'files-written', entries: restored, bytes });
  return bytes;
}

function requireRootfs({ options: { mountPoints } }: RestoreJob): void {
  if (mountPoints?.has('rootfs')) return;
  throw new ArchiveError('RESTORE_CONFIG', 'the stream does not begin with the configuration', {
    hint: 'say where the root file system goes: --rootfs STORAGE:SIZE_IN_GIB',
  });
}

function requireNoDrives({ options: { drives } }: RestoreJob): void {
  if (drives === undefined || drives.size === 0) return;
  throw new ArchiveError(
    'RESTORE_OPTION',
    `${[...drives.keys()].map(printableName).join(', ')}: only virtual machines have drives, and the archive is a container's`,
  );
}
