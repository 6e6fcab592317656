import { constants } from 'node:fs';
import { type Command, isAccessible, printableName, runTool } from '@vzdump-format/posix';
import type { VolumeContent } from '../container/container-volumes.js';
import type { GuestLog, UndoStack } from '../guest-access.js';
import type { MountNamespace } from './mount-namespace.js';

export interface MountVolumeOptions {
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
export async function mountVolume(options: MountVolumeOptions): Promise<void> {
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

/** What is still being read, after an abort, goes away when that ends. */
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
