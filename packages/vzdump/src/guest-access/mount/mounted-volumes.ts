import { lstat, mkdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { DirectoryTree } from '@vzdump-format/file-tree';
import { pathToBytes, printableName } from '@vzdump-format/posix';
import { ifThere } from '@vzdump-format/pve';
import { ArchiveError, debugLog } from '@vzdump-format/streams';
import type { ContainerVolume } from '../container/container-volumes.js';
import type { GuestContext, TreeData, UndoStack } from '../guest-access.js';
import { MountNamespace } from './mount-namespace.js';
import { mountVolume } from './mount-volume.js';

/**
 * A container's volumes as one tree: mounted in each other, as in the container. A single one that is a
 * directory is read where it is.
 * @throws `MOUNT_NAMESPACE`, `MOUNT_POINT`, `PROGRAM_FAILED`
 */
export async function mountedVolumes(
  volumes: readonly ContainerVolume[],
  { temporaryDirectory, log, signal }: GuestContext,
  undo: UndoStack,
): Promise<TreeData> {
  const [first, ...others] = volumes;
  if (first?.content.kind === 'directory' && others.length === 0) {
    debugLog('the container is read where it is: %s', first.content.path);
    return { kind: 'tree', tree: new DirectoryTree(first.content.path), isCopy: false };
  }
  const mountRoot = join(await realpath(temporaryDirectory), 'root');
  await mkdir(mountRoot, { mode: 0o700 });
  const namespace = await MountNamespace.open();
  undo.defer(() => namespace.close());
  const root = namespace.path(mountRoot);
  const paths = volumes.map(({ mountPoint }) => mountPoint.path);
  for (const { mountPoint, content } of volumes) {
    signal?.throwIfAborted();
    await requireRealDirectories(root, mountPoint.path);
    const target = join(mountRoot, mountPoint.path);
    await mountVolume({ content, target, namespace, undo, log });
  }
  return { kind: 'tree', tree: new DirectoryTree(root, await treeSources(root, paths)), isCopy: false };
}

/**
 * Which of a container's mount points have to be walked by themselves, when each walk stays on one file
 * system. Directories of the same storage are on the same one: a walk of the rootfs comes across what is
 * mounted there from others, and to name them once more would put everything into the archive twice.
 *
 * @param root where they are mounted
 * @param paths of the mount points, `/` first, in the order in which they are mounted
 * @returns as `WalkOptions.sources`
 */
async function treeSources(root: string, paths: readonly string[]): Promise<readonly string[]> {
  const sources: (readonly string[])[] = [];
  for (const names of paths.map((path) => path.split('/').filter((name) => name !== ''))) {
    const around = sources.filter((source) => source.every((name, index) => name === names[index]));
    const nearest = around.sort((one, other) => other.length - one.length)[0];
    if (nearest === undefined || !(await isSameFileSystem(root, nearest.length, names))) sources.push(names);
  }
  return sources.map((names) => names.join('/'));
}

/** Whether the path below its first `depth` names is on the same file system as these, all the way. */
async function isSameFileSystem(root: string, depth: number, names: readonly string[]): Promise<boolean> {
  const deviceOf = async (length: number) =>
    (await lstat(pathToBytes([root, ...names.slice(0, length)].join('/')))).dev;
  const device = await deviceOf(depth);
  for (let length = depth + 1; length <= names.length; length++) {
    if ((await deviceOf(length)) !== device) return false;
  }
  return true;
}

/**
 * Makes sure that a path in a container's tree consists of directories only. With a link in it, which who is
 * root in there can put in place of a directory, it would lead out of the tree, to the host's own files.
 * @param path from the tree's root on
 * @throws `MOUNT_POINT`
 */
export async function requireRealDirectories(root: string, path: string): Promise<void> {
  let at = '';
  for (const name of path.split('/').filter((part) => part !== '')) {
    at += `/${name}`;
    const status = await ifThere(lstat(pathToBytes(root + at)));
    if (status?.isDirectory()) continue;
    const what = status === undefined ? 'is not there' : 'is not a directory';
    throw new ArchiveError('MOUNT_POINT', `${printableName(at)} in the container ${what}`, {
      entry: path,
      hint: `a volume is to be mounted at ${printableName(path)}`,
    });
  }
}
