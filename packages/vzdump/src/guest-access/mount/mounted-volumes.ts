import { mkdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { DirectoryTree } from '@vzdump-format/file-tree';
import { debugLog } from '@vzdump-format/streams';
import type { ContainerVolume } from '../container/container-volumes.js';
import { treeSources } from '../container/tree-sources.js';
import type { GuestContext, TreeData } from '../guest-access.js';
import type { UndoStack } from '../undo-stack.js';
import { MountNamespace } from './mount-namespace.js';
import { mountVolume } from './mount-volume.js';
import { requireRealDirectories } from './real-directories.js';

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
