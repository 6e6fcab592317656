import type { VolumeContent } from '../container/container-volumes.js';

/** The name of vzdump's snapshots: only one is ever there, and one that is found is a leftover. */
export const SNAPSHOT_NAME = 'vzdump';

/**
 * A snapshot of one volume, yet to be made. Its place and name are those that Proxmox VE's storages give it.
 */
export interface StorageSnapshot {
  /** Whether there is one of that name. */
  exists(): Promise<boolean>;
  create(): Promise<void>;
  remove(): Promise<void>;
  /** What is in it, once it is made. */
  readonly content: VolumeContent;
}
