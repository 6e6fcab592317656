import type { ContainerVolume } from '../container/container-volumes.js';
import { btrfsSnapshot } from './btrfs-snapshot.js';
import { lvmThinSnapshot } from './lvm-thin-snapshot.js';
import type { StorageSnapshot } from './storage-snapshot.js';
import { zfsSnapshot } from './zfs-snapshot.js';

/** The kinds of storages that can, each in a file of its own; `undefined` for a volume of another kind. */
const KINDS: readonly ((volume: ContainerVolume) => Promise<StorageSnapshot | undefined>)[] = [
  btrfsSnapshot,
  lvmThinSnapshot,
  zfsSnapshot,
];

/** `undefined` when a volume is where there are no snapshots. */
export async function snapshotOfVolume(volume: ContainerVolume): Promise<StorageSnapshot | undefined> {
  for (const kind of KINDS) {
    const snapshot = await kind(volume);
    if (snapshot !== undefined) return snapshot;
  }
  return undefined;
}
