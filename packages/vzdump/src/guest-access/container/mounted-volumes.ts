import { constants } from 'node:fs';
import { lstat, mkdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { DirectoryTree } from '@vzdump-format/file-tree';
import {
  type Command,
  ifThere,
  isAccessible,
  pathToBytes,
  printableName,
  runTool,
} from '@vzdump-format/posix';
import { ArchiveError, debugLog } from '@vzdump-format/streams';
import type { GuestContext, GuestLog, TreeData, UndoStack } from '../guest-access.js';
import type { ContainerVolume, VolumeContent } from './container-volumes.js';
import { MountNamespace } from './mount-namespace.js';

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

interface MountVolumeOptions {
  readonly content: VolumeContent;
  /** A directory, as it is in the namespace. */
  readonly target: string;
  readonly namespace: MountNamespace;
  readonly undo: UndoStack;
  readonly log: GuestLog;
}

/** Nothing on a guest's file system is run, or counts as a device, where it is mounted to be read. */
const HARMLESS = 'nosuid,nodev,noexec';

/** Mounts what is in a volume. @throws `PROGRAM_FAILED` */
async function mountVolume(options: MountVolumeOptions): Promise<void> {
  const { content, target, namespace, undo, log } = options;
  const mount = (...args: readonly string[]) => namespace.run(['mount', ...args, target]);
  if (content.kind === 'directory') await mount('--bind', '--', content.path);
  else if (content.kind === 'dataset') {
    await mount('--types=zfs', `--options=ro,${HARMLESS}`, '--', content.name);
  } else {
    if (content.kind === 'device') await activate(content, undo);
    await mountFileSystem(content, mount, log);
  }
  undo.defer(() => unmount(namespace, target));
}

/** What is still being read after an abort is unmounted when the reading ends. */
async function unmount(namespace: MountNamespace, target: string): Promise<void> {
  await namespace
    .run(['umount', '--', target])
    .catch(() => namespace.run(['umount', '--lazy', '--', target]));
}

/**
 * A copy is mounted to be written, so that the file system replays its journal: nobody else had the time to
 * unmount it. Anything else is read only; if it cannot be mounted so since there is a journal to be replayed,
 * then without what is in that.
 */
async function mountFileSystem(
  content: Extract<VolumeContent, { kind: 'image' | 'device' }>,
  mount: (...args: readonly string[]) => Promise<void>,
  log: GuestLog,
): Promise<void> {
  const isImage = content.kind === 'image';
  const access = isImage && content.isSpare ? 'rw' : 'ro';
  const loop = isImage ? ',loop' : '';
  // a snapshot has the same id as the file system that the guest has mounted
  const sameId = (await fileSystemType(content.path)) === 'xfs' ? ',nouuid' : '';
  const options = `${access},${HARMLESS}${loop}${sameId}`;
  try {
    await mount(`--options=${options}`, '--', content.path);
  } catch (error) {
    if (access === 'rw') throw error;
    await mount(`--options=${options},norecovery`, '--', content.path).catch(() => {
      throw error;
    });
    const path = printableName(content.path);
    log.warn(`${path} was not unmounted in order: what is only in its journal is not in the backup`);
  }
}

/** Empty for what nothing is known of. */
async function fileSystemType(path: string): Promise<string> {
  const command: Command = ['blkid', '--probe', '--output', 'value', '--match-tag', 'TYPE', '--', path];
  return (await runTool(command, { acceptedCodes: [2] })).trim();
}

/** A stopped guest's logical volume need not be active: then it is for the time being. */
async function activate(
  { path, logicalVolume }: Extract<VolumeContent, { kind: 'device' }>,
  undo: UndoStack,
): Promise<void> {
  if (logicalVolume === undefined || isAccessible(path, constants.F_OK)) return;
  const change = async (to: string) => {
    await runTool(['lvchange', '--activate', to, '--ignoreactivationskip', logicalVolume]);
  };
  undo.defer(() => change('n'));
  await change('y');
}
