import { resolve } from 'node:path';
import {
  formatRestoredMountPoint,
  type GuestConfig,
  mountPoints,
  type NewMountPoint,
  planRestoredMountPoints,
  type SupportedStorage,
  wantsBackup,
} from '@vzdump-format/pve';
import { ArchiveError, debugLog } from '@vzdump-format/streams';
import { isRestricted, type RestoreJob } from '../restore-job.js';
import { requireContent } from '../vm/plan-drives.js';

/** A volume that is made for a container, or a directory that the user chose for its root. */
export interface MountPlan {
  /** `rootfs`, `mp0` */
  readonly key: string;
  /** Where it is in the container, as entries' paths are written: empty for rootfs, `srv/data`. */
  readonly path: string;
  /** A volume's id, or an absolute path. */
  readonly volume: string;
  /** `undefined` for a directory that was chosen. */
  readonly made: { readonly storage: SupportedStorage; readonly format: 'raw' | 'subvol' } | undefined;
  /** Bytes; 0 is no limit. */
  readonly size: number;
}

export interface ContainerPlan {
  /** rootfs first. */
  readonly mounts: readonly MountPlan[];
  /** The values of all mount points in the configuration, of the host's directories too. */
  readonly values: ReadonlyMap<string, string>;
  /** The keys whose content is in the archive. */
  readonly restored: ReadonlySet<string>;
}

/** @throws as `planRestoredMountPoints`; `RESTORE_MOUNT_POINTS`, `STORAGE_CONTENT` */
export async function planMountPoints(archived: GuestConfig, job: RestoreJob): Promise<ContainerPlan> {
  const { storages, pveRoot, options } = job;
  const given = options.mountPoints ?? new Map<string, string>();
  const planned = planRestoredMountPoints(archived, {
    ...{ storages, storage: options.storage, node: pveRoot.node, onWarning: options.onWarning },
    mountPoints: given,
    restricted: isRestricted(),
  });
  const mounts: MountPlan[] = [];
  const values = new Map<string, string>();
  for (const restored of planned) {
    const { key, type, volume } = restored.mountPoint;
    if (restored.kind === 'new') {
      const mount = await planVolume(restored, job);
      mounts.push(mount);
      values.set(key, formatRestoredMountPoint(restored, mount.volume));
      continue;
    }
    if (key === 'rootfs') mounts.push(chosenRoot(restored.mountPoint, given.has('rootfs')));
    else if (type === 'volume') throw unfillable(key, volume);
    values.set(key, formatRestoredMountPoint(restored));
  }
  requireDistinctPaths(mounts);
  for (const { key, volume, made, path } of mounts) {
    const what = made === undefined ? 'a directory of choice' : `${made.format} on ${made.storage.id}`;
    debugLog('%s: becomes %s, %s, mounted at /%s', key, volume, what, path);
  }
  return { mounts, values, restored: new Set(['rootfs', ...archivedVolumes(archived)]) };
}

async function planVolume(restored: NewMountPoint, { allocator }: RestoreJob): Promise<MountPlan> {
  const { storage, format, size, mountPoint } = restored;
  requireContent(storage, 'rootdir');
  if (format === 'raw' && isRestricted()) {
    throw mountPointError(
      `${mountPoint.key} is to be an image, which only root can mount`,
      'as an ordinary user, give a directory: --rootfs STORAGE:0',
    );
  }
  const volume = await allocator.disk(storage, format);
  const path = mountPoint.path.slice(1);
  return { key: mountPoint.key, path, volume, made: { storage, format }, size };
}

/** Only the user can choose a directory of the host: an archive that names one would have it written to. */
function chosenRoot(
  { volume, type }: { readonly volume: string; readonly type: string },
  isGiven: boolean,
): MountPlan {
  if (!isGiven || type !== 'bind') throw unfillable('rootfs', volume);
  return { key: 'rootfs', path: '', volume: resolve(volume), made: undefined, size: 0 };
}

/** The mount points that the archive's own configuration says are in it. */
function archivedVolumes(archived: GuestConfig): readonly string[] {
  return mountPoints(archived)
    .filter((mountPoint) => mountPoint.type === 'volume' && wantsBackup(mountPoint))
    .map(({ key }) => key);
}

function requireDistinctPaths(mounts: readonly MountPlan[]): void {
  const paths = mounts.map(({ path }) => path);
  const twice = mounts.find(({ path }, index) => paths.indexOf(path) !== index);
  if (twice === undefined) return;
  throw mountPointError(`two volumes are mounted at /${twice.path}`, 'give each a path of its own');
}

function unfillable(key: string, volume: string): ArchiveError {
  return mountPointError(
    `${key} cannot be restored to '${volume}', which is not made for it`,
    `say what is to be made: --${key} STORAGE:SIZE_IN_GIB${key === 'rootfs' ? ', or a directory' : ',mp=PATH'}`,
  );
}

function mountPointError(message: string, hint: string): ArchiveError {
  return new ArchiveError('RESTORE_MOUNT_POINTS', message, { hint });
}
