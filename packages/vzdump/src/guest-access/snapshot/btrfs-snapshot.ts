import { lstat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileSystem, pathToBytes, runTool } from '@vzdump-format/posix';
import { ifThere } from '@vzdump-format/pve';
import type { ContainerVolume, VolumeContent } from '../container/container-volumes.js';
import { SNAPSHOT_NAME, type StorageSnapshot } from './storage-snapshot.js';

/** The inode of a subvolume's root (BTRFS_FIRST_FREE_OBJECTID). */
const SUBVOLUME_INODE = 256;

/**
 * Of a subvolume, with a container's files or with an image in it, the snapshot `NAME@vzdump` beside it. That
 * of an image can be written, so that the file system in it can replay its journal.
 */
export async function btrfsSnapshot({ content }: ContainerVolume): Promise<StorageSnapshot | undefined> {
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
