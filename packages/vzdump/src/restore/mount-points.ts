import { constants } from 'node:fs';
import { chown, open, readdir, realpath, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import type { IdMap } from '@vzdump-format/file-tree';
import { bytesToPath, removeTree, runTool } from '@vzdump-format/posix';
import {
  formatRestoredMountPoint,
  type GuestConfig,
  mountPoints,
  type NewMountPoint,
  planRestoredMountPoints,
  type SupportedStorage,
  wantsBackup,
} from '@vzdump-format/pve';
import { ArchiveError, debugLog, isNotFound, type OnWarning } from '@vzdump-format/streams';
import { MountNamespace } from '../guest-access/container/mount-namespace.js';
import { isRestricted, type RestoreJob } from './restore-job.js';
import { plainDirectory, StagedDirectory } from './volumes/directory-volumes.js';
import {
  failedWrite,
  requireContent,
  run,
  type StagedVolume,
  type VolumePlace,
} from './volumes/volume-store.js';

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

/** A container's volume that takes files. */
export interface OpenVolume {
  readonly plan: MountPlan;
  /** The directory that they go to. */
  readonly directory: string;
}

/** The volumes of a container while files are put there. */
export class OpenVolumes {
  readonly volumes: OpenVolume[] = [];
  private readonly fileSystems: OpenFileSystem[] = [];

  constructor(
    private readonly job: RestoreJob,
    private readonly idMap: IdMap | undefined,
  ) {}

  /** Makes a volume, with a file system where it is a disk. */
  async open(plan: MountPlan): Promise<void> {
    const volume = this.job.staged.add(await this.stage(plan), plan.size);
    this.volumes.push({ plan, directory: await this.directoryOf(volume, plan.size) });
  }

  /** Called when all files are there: makes them durable, and closes the file systems. */
  async finish(): Promise<void> {
    for (const fileSystem of this.fileSystems) await fileSystem.sync();
    await this.close();
  }

  async close(): Promise<void> {
    for (const fileSystem of this.fileSystems.splice(0)) await fileSystem.close();
  }

  private async directoryOf({ place }: StagedVolume, size: number): Promise<string> {
    const owner = this.rootOwner();
    if (place.kind === 'directory') {
      if (this.canGiveAway()) await chown(place.path, owner.uid, owner.gid);
      return place.path;
    }
    if (place.kind === 'file') {
      await place.handle.truncate(size).catch((error) => {
        throw failedWrite(error, place.path);
      });
    }
    await makeFileSystem(place, owner, this.job.options.signal);
    const fileSystem = await openFileSystem(place);
    this.fileSystems.push(fileSystem);
    return fileSystem.path;
  }

  private stage({ made, volume, size }: MountPlan): Promise<StagedVolume> {
    const { allocator, options } = this.job;
    const { vmid, onWarning } = options;
    if (made === undefined) return stageChosenDirectory(volume, onWarning);
    const store = allocator.store(made.storage);
    const request = { vmid, volume, size, onWarning };
    return made.format === 'subvol' ? store.makeDirectory(request) : store.makeImage(request);
  }

  /** The container's root, as the host has it. */
  private rootOwner(): { uid: number; gid: number } {
    const { idMap } = this;
    return { uid: idMap?.toHost('user', 0) ?? 0, gid: idMap?.toHost('group', 0) ?? 0 };
  }

  private canGiveAway(): boolean {
    return process.geteuid?.() === 0;
  }
}

type ImagePlace = Exclude<VolumePlace, { kind: 'directory' }>;

/** A file system that is open, at a path that only this process can reach. */
interface OpenFileSystem {
  /** Of its root, for this process, as long as it is open. */
  readonly path: string;
  /** Makes all that was written durable. @throws `FILE_SYSTEM_WRITE` */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Makes an ext4 file system as Proxmox VE does for containers: with multiple mount protection.
 * @param owner of its root, on the host
 */
async function makeFileSystem(
  { path }: ImagePlace,
  owner: { readonly uid: number; readonly gid: number },
  signal?: AbortSignal,
): Promise<void> {
  const rootOwner = `root_owner=${owner.uid}:${owner.gid}`;
  const command = ['mkfs.ext4', '-q', '-F', '-O', 'mmp', '-E', rootOwner, path] as const;
  await runTool(command, { timeout: Number.POSITIVE_INFINITY, signal });
}

/**
 * Mounts a file system in a namespace of its own, which goes at once: it stays mounted only as long as its
 * root is open here. So no mount and no loop device is left, whatever becomes of this process at whatever
 * moment.
 */
async function openFileSystem(place: ImagePlace): Promise<OpenFileSystem> {
  const mountPoint = await realpath(tmpdir()); // any directory will do: nobody else sees what is mounted there
  const namespace = await MountNamespace.open();
  try {
    const loop = place.kind === 'file' ? ['-o', 'loop'] : [];
    await namespace.run(['mount', '-t', 'ext4', ...loop, '--', place.path, mountPoint]);
    return await openRoot(namespace.path(mountPoint), place.path);
  } finally {
    await namespace.close();
  }
}

async function openRoot(mountPoint: string, imagePath: string): Promise<OpenFileSystem> {
  const root = await open(mountPoint, constants.O_RDONLY | constants.O_DIRECTORY);
  return {
    path: `/proc/self/fd/${root.fd}`,
    sync: () => sync(`/proc/${process.pid}/fd/${root.fd}`, imagePath),
    close: () => root.close(),
  };
}

/** What the file system in the image could not write fails here, and the error does not say why. */
async function sync(path: string, imagePath: string): Promise<void> {
  try {
    await run('sync', '--file-system', path);
  } catch (cause) {
    const { bavail } = await statfs(dirname(imagePath));
    const why = bavail === 0 ? 'no space left on device' : (cause as Error).message;
    throw new ArchiveError('FILE_SYSTEM_WRITE', `the file system in ${imagePath} cannot be written: ${why}`, {
      entry: imagePath,
      cause,
    });
  }
}

/**
 * A directory that the user chose for a container's files: one to be made, or one that is there and empty.
 * @param path absolute
 * @throws `RESTORE_MOUNT_POINTS` for anything else that is there
 */
async function stageChosenDirectory(path: string, onWarning: OnWarning | undefined): Promise<StagedVolume> {
  const names = await readdir(path).catch((error: NodeJS.ErrnoException) => {
    if (isNotFound(error)) return undefined;
    throw error.code === 'ENOTDIR' ? notUsable(path, 'is no directory') : error;
  });
  if (names === undefined) return StagedDirectory.create(path, path, plainDirectory, onWarning);
  if (names.length > 0) throw notUsable(path, 'is not empty');
  return {
    volume: path,
    path,
    place: { kind: 'directory', path },
    commit: async () => {
      await run('sync', '--file-system', path);
    },
    remove: async () => {
      for (const name of await readdir(path, 'buffer')) await removeTree(join(path, bytesToPath(name)));
    },
  };
}

function notUsable(path: string, why: string): ArchiveError {
  return new ArchiveError('RESTORE_MOUNT_POINTS', `${path} ${why}`, {
    entry: path,
    hint: 'choose a directory that is empty, or is not there yet',
  });
}
