import { lstat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileSystem, ifThere, pathToBytes, runTool } from '@vzdump-format/posix';
import { debugLog } from '@vzdump-format/streams';
import type { ContainerVolume, VolumeContent } from './container-volumes.js';

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

/** A function for each kind of storage that makes snapshots; it gives `undefined` for another's volume. */
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

/**
 * Of a thin logical volume, `snap_NAME_vzdump` in the same group. The kernel freezes the file system for it.
 */
async function lvmThinSnapshot({ volume }: ContainerVolume): Promise<StorageSnapshot | undefined> {
  const { storage, format } = volume;
  if (storage?.kind !== 'lvm' || storage.thinPool === undefined || format !== 'raw') return undefined;
  const { volumeGroup } = storage;
  const origin = basename(volume.path);
  const name = `snap_${origin}_${SNAPSHOT_NAME}`;
  const qualified = `${volumeGroup}/${name}`;
  return {
    content: { kind: 'device', path: `/dev/${qualified}`, logicalVolume: qualified },
    exists: async () => {
      const names = await runTool(['lvs', '--noheadings', '--options', 'lv_name', volumeGroup]);
      return names.split('\n').some((line) => line.trim() === name);
    },
    create: async () => {
      const skip = ['--setactivationskip', 'n']; // or it would not be active
      const how = ['--snapshot', '--permission', 'r', ...skip, '--name', name];
      await runTool(['lvcreate', ...how, `${volumeGroup}/${origin}`]);
    },
    remove: async () => {
      await runTool(['lvremove', '--yes', qualified]);
    },
  };
}

/** Of a dataset, `POOL/NAME@vzdump`. Containers have no zvols on ZFS. */
async function zfsSnapshot({ volume }: ContainerVolume): Promise<StorageSnapshot | undefined> {
  const { storage, format } = volume;
  if (storage?.kind !== 'zfs' || format !== 'subvol') return undefined;
  const dataset = `${storage.pool}/${basename(volume.path)}`;
  const name = `${dataset}@${SNAPSHOT_NAME}`;
  return {
    content: { kind: 'dataset', name },
    exists: async () => {
      const list = ['list', '-H', '-o', 'name', '-t', 'snapshot', '-d', '1', dataset];
      return (await runTool(['zfs', ...list])).split('\n').includes(name);
    },
    create: async () => {
      await runTool(['zfs', 'snapshot', name]);
    },
    remove: async () => {
      await runTool(['zfs', 'destroy', name]);
    },
  };
}

/** The inode of a subvolume's root (BTRFS_FIRST_FREE_OBJECTID). */
const SUBVOLUME_INODE = 256;

/**
 * Of a subvolume, with a container's files or with an image in it, the snapshot `NAME@vzdump` beside it. That
 * of an image can be written, so that the file system in it can replay its journal.
 */
async function btrfsSnapshot({ content }: ContainerVolume): Promise<StorageSnapshot | undefined> {
  if (content.kind !== 'directory' && content.kind !== 'image') return undefined;
  const isImage = content.kind === 'image';
  const subvolume = isImage ? dirname(content.path) : content.path;
  if (!(await isSubvolume(subvolume))) return undefined;
  const path = `${subvolume}@${SNAPSHOT_NAME}`;
  const snapshotContent: VolumeContent = isImage
    ? { kind: 'image', path: join(path, basename(content.path)), isSpare: true }
    : { kind: 'directory', path };
  return {
    content: snapshotContent,
    exists: async () => (await ifThere(lstat(pathToBytes(path)))) !== undefined,
    create: async () => {
      const access = isImage ? [] : ['-r'];
      await runTool(['btrfs', 'subvolume', 'snapshot', ...access, '--', subvolume, path]);
    },
    remove: async () => {
      await runTool(['btrfs', 'subvolume', 'delete', '--', path]);
    },
  };
}

async function isSubvolume(path: string): Promise<boolean> {
  const { ino } = await lstat(pathToBytes(path));
  return ino === SUBVOLUME_INODE && fileSystem(path).name === 'btrfs';
}
