import type { Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { ifThere, pathToBytes, printableName } from '@vzdump-format/posix';
import { type MountPoint, resolveVolume, selectMountPoints, type Volume } from '@vzdump-format/pve';
import { ArchiveError, debugLog } from '@vzdump-format/streams';
import type { GuestContext } from '../guest-access.js';

/** How the files in a volume, or in a snapshot of one, can be read. */
export type VolumeContent =
  | { readonly kind: 'directory'; readonly path: string }
  /** A file with a file system; `isSpare` when it is a copy that may be written to. */
  | { readonly kind: 'image'; readonly path: string; readonly isSpare: boolean }
  /** A block device with a file system; of LVM's there need be none before it is activated. */
  | { readonly kind: 'device'; readonly path: string; readonly logicalVolume?: string }
  /** A snapshot of ZFS: `pool/volume@name`. */
  | { readonly kind: 'dataset'; readonly name: string };

export interface ContainerVolume {
  readonly mountPoint: MountPoint;
  readonly volume: Volume;
  readonly content: VolumeContent;
}

export interface ContainerVolumes {
  /** rootfs first. */
  readonly included: readonly ContainerVolume[];
  readonly excluded: readonly MountPoint[];
}

/**
 * Finds out what of a container is backed up, where it is, and tells the log.
 * @throws `VOLUME_MISSING`, `VOLUME_FORMAT`, `CONFIG_VALUE` without a rootfs; as `selectMountPoints` and
 * `resolveVolume`
 */
export async function containerVolumes(context: GuestContext): Promise<ContainerVolumes> {
  const { config, storages, node, log } = context;
  const { included, excluded, messages } = selectMountPoints(config);
  for (const message of messages) log.info(message);
  if (included[0]?.key !== 'rootfs') {
    throw new ArchiveError('CONFIG_VALUE', 'the container has no rootfs', {
      entry: context.guest.configPath,
    });
  }
  const volumes: ContainerVolume[] = [];
  for (const mountPoint of included) {
    const volume = resolveVolume(storages, mountPoint.volume, node);
    const content = await contentOf(mountPoint, volume);
    debugLog('%s: %s, a %s at %s', mountPoint.key, mountPoint.volume, content.kind, volume.path);
    volumes.push({ mountPoint, volume, content });
  }
  return { included: volumes, excluded };
}

async function contentOf({ key, volume: id }: MountPoint, volume: Volume): Promise<VolumeContent> {
  const { path, format, storage } = volume;
  const named = `volume '${printableName(id)}' of ${key}`;
  if (format !== 'raw' && format !== 'subvol') {
    throw new ArchiveError('VOLUME_FORMAT', `${named} is a ${format} image, which cannot be mounted`, {
      entry: path,
    });
  }
  if (storage?.kind === 'lvm') {
    return { kind: 'device', path, logicalVolume: `${storage.volumeGroup}/${basename(path)}` };
  }
  const status = await ifThere(stat(pathToBytes(path)));
  if (status === undefined) throw missing(named, path);
  if (status.isFile()) return { kind: 'image', path, isSpare: false };
  if (status.isBlockDevice()) return { kind: 'device', path };
  if (!status.isDirectory()) {
    throw new ArchiveError('VOLUME_FORMAT', `${named} is no directory, file or block device`, {
      entry: path,
    });
  }
  if (storage?.kind === 'zfs' && !(await isMounted(path, status))) {
    const hint = `mount it: zfs mount ${storage.pool}/${basename(path)}`;
    throw missing(named, path, hint);
  }
  return { kind: 'directory', path };
}

/** An empty directory stands in for a dataset that is not mounted. */
async function isMounted(path: string, { dev }: Stats): Promise<boolean> {
  return (await stat(pathToBytes(dirname(path)))).dev !== dev;
}

function missing(named: string, path: string, hint?: string): ArchiveError {
  return new ArchiveError('VOLUME_MISSING', `${named} is not there: ${printableName(path)}`, {
    entry: path,
    hint,
  });
}
