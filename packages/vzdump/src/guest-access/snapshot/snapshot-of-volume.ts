import { debugLog } from '@vzdump-format/streams';
import type { ContainerVolume } from '../container/container-volumes.js';
import { btrfsSnapshot } from './btrfs-snapshot.js';
import { lvmThinSnapshot } from './lvm-thin-snapshot.js';
import type { StorageSnapshot } from './storage-snapshot.js';
import { zfsSnapshot } from './zfs-snapshot.js';

/** The kinds of storages that can, each in a file of its own; `undefined` for a volume of another kind. */
const KINDS: Readonly<Record<string, (volume: ContainerVolume) => Promise<StorageSnapshot | undefined>>> = {
  btrfs: btrfsSnapshot,
  'lvm-thin': lvmThinSnapshot,
  zfs: zfsSnapshot,
};

/** `undefined` when a volume is where there are no snapshots. */
export async function snapshotOfVolume(volume: ContainerVolume): Promise<StorageSnapshot | undefined> {
  for (const [kind, snapshotOf] of Object.entries(KINDS)) {
    const snapshot = await snapshotOf(volume);
    if (snapshot === undefined) continue;
    debugLog('%s: can have a snapshot of %s', volume.mountPoint.key, kind);
    return snapshot;
  }
  debugLog('%s: can have no snapshot', volume.mountPoint.key);
  return undefined;
}
