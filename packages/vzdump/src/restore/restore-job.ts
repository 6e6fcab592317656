import {
  BANDWIDTH_UNIT,
  type BandwidthLimits,
  type DatacenterConfig,
  type IdentitySource,
  PveRoot,
  randomIdentity,
  restoreBandwidthLimit,
  type StorageConfig,
} from '@vzdump-format/pve';
import type { RateLimiter } from '@vzdump-format/streams';
import type { RestoreEvent, RestoreOptions } from './restore-options.js';
import { StagedVolumes } from './staged-volumes.js';
import { VolumeAllocator } from './volume-allocator.js';

/** A restore under way: what was asked for, and what is known of the host. */
export interface RestoreJob {
  readonly options: RestoreOptions;
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
    identity: options.identity ?? randomIdentity(datacenter.macPrefix),
    allocator: new VolumeAllocator(vmid),
    staged: new StagedVolumes(tell, onWarning),
  };
}

/** Whether who restores is not root, and may not do all that root@pam may. */
export function isRestricted(): boolean {
  return process.geteuid?.() !== 0;
}

/** KiB/s for a part of a restore that these storages take part in; 0 is no limit. */
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

/** From here on, an archive is read no faster. What codecs have read ahead counts: the rest waits for it. */
export function limitReading({ tell }: RestoreJob, limiter: RateLimiter, kibPerSecond: number): void {
  if (kibPerSecond === 0) return;
  limiter.bytesPerSecond = kibPerSecond * BANDWIDTH_UNIT;
  limiter.chargePassed();
  tell({ type: 'read-limit', kibPerSecond });
}
