import type { ArchiveInput } from '@vzdump-format/archives';
import {
  BANDWIDTH_UNIT,
  type BandwidthLimits,
  type DatacenterConfig,
  type IdentitySource,
  isBackupVolume,
  locateVolume,
  PveRoot,
  randomIdentity,
  restoreBandwidthLimit,
  type StorageConfig,
} from '@vzdump-format/pve';
import { archiveAt } from '@vzdump-format/stores';
import { debugLog, type RateLimiter } from '@vzdump-format/streams';
import type { RestoreEvent, RestoreOptions } from './restore-options.js';
import { StagedVolumes, VolumeAllocator } from './volumes/staged-volumes.js';

/** A restore under way: what was asked for, and what is known of the host. */
export interface RestoreJob {
  readonly options: RestoreOptions;
  /** What is restored: an archive in a store, or bytes in motion. */
  readonly archive: Exclude<ArchiveInput, string>;
  readonly pveRoot: PveRoot;
  readonly storages: StorageConfig;
  readonly datacenter: DatacenterConfig;
  readonly identity: IdentitySource;
  readonly allocator: VolumeAllocator;
  /** All that is made, so that it can be taken back. */
  readonly staged: StagedVolumes;
  readonly tell: (event: RestoreEvent) => void;
}

export async function newRestoreJob(options: RestoreOptions): Promise<RestoreJob> {
  const { vmid, onEvent, onWarning } = options;
  const pveRoot = await PveRoot.open(options.pveRoot, { onWarning });
  const [storages, datacenter] = await Promise.all([pveRoot.storages(), pveRoot.datacenter()]);
  const tell = (event: RestoreEvent) => onEvent?.(event);
  return {
    ...{ options, pveRoot, storages, datacenter, tell },
    archive: archiveOf(options.archive, storages, pveRoot.node),
    identity: options.identity ?? randomIdentity(datacenter.macPrefix),
    allocator: new VolumeAllocator(vmid),
    staged: new StagedVolumes(tell, onWarning),
  };
}

/**
 * Finds the archive. One that is named as a volume, `local:backup/vzdump-…`, is where its storage keeps it.
 */
function archiveOf(
  archive: RestoreOptions['archive'],
  storages: StorageConfig,
  node: string,
): RestoreJob['archive'] {
  if (typeof archive !== 'string') return archive;
  if (!isBackupVolume(archive)) return archiveAt(archive);
  const { path } = locateVolume(storages, archive, node);
  debugLog('%s is %s', archive, path);
  return archiveAt(path);
}

/** The path of what is restored; of bytes in motion, none. */
export function archivePath({ archive }: RestoreJob): string | undefined {
  return Symbol.asyncIterator in archive || Symbol.iterator in archive ? undefined : archive.path;
}

/** Whether this process is not root's, and so may not do all that root@pam may. */
export function isRestricted(): boolean {
  return process.geteuid?.() !== 0;
}

/** The limit in KiB/s for a part of a restore in which these storages take part; 0 is none. */
export function limitFor(
  { options, datacenter }: RestoreJob,
  storages: readonly { readonly bandwidthLimits: BandwidthLimits | undefined }[],
): number {
  const limit = restoreBandwidthLimit({
    override: options.bwlimit,
    storages: storages.map(({ bandwidthLimits }) => bandwidthLimits),
    datacenter: datacenter.bandwidthLimits,
  });
  return limit ?? 0;
}

/**
 * Limits how fast the archive is read from here on. What codecs have read ahead counts, so the rest waits
 * for it.
 */
export function limitReading({ tell }: RestoreJob, limiter: RateLimiter, kibPerSecond: number): void {
  if (kibPerSecond === 0) return;
  limiter.bytesPerSecond = kibPerSecond * BANDWIDTH_UNIT;
  limiter.chargePassed();
  tell({ type: 'read-limit', kibPerSecond });
}
