import { constants } from 'node:fs';
import { open, realpath, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname } from 'node:path';
import { runTool } from '@vzdump-format/posix';
import { ArchiveError } from '@vzdump-format/streams';
import { MountNamespace } from '../../guest-access/mount/mount-namespace.js';
import { run } from '../run.js';
import type { VolumePlace } from '../volumes/volume-store.js';

type ImagePlace = Exclude<VolumePlace, { kind: 'directory' }>;

/** A file system that is open, and at no path that anyone else could come by. */
export interface OpenFileSystem {
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
export async function makeFileSystem(
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
 * root is open here. So whatever becomes of this process, and at whatever moment, no mount is left, and no
 * loop device.
 */
export async function openFileSystem(place: ImagePlace): Promise<OpenFileSystem> {
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

/** What could not be written to the image's own file system comes to light here, without a word of why. */
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
