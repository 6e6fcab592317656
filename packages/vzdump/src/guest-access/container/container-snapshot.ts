import { runTool } from '@vzdump-format/posix';
import { ArchiveError } from '@vzdump-format/streams';
import {
  type GuestAccess,
  type GuestContext,
  type GuestLog,
  type PreparedGuest,
  type TreeData,
  UndoStack,
} from '../guest-access.js';
import { type ContainerVolume, containerVolumes } from './container-volumes.js';
import { freezing, GuestPause } from './guest-pause.js';
import type { Lxc } from './lxc.js';
import { mountedVolumes } from './mounted-volumes.js';
import { SNAPSHOT_NAME, type StorageSnapshot, snapshotOfVolume } from './volume-snapshot.js';

/** Seconds that it may take to write what a container has in memory for its disks. */
const FLUSH_TIMEOUT = 300;

interface SnappedVolume {
  readonly volume: ContainerVolume;
  readonly snapshot: StorageSnapshot;
}

/**
 * The mode `snapshot`: a container's volumes are read from snapshots that their storages make. It runs all
 * the time, but when there are several volumes: then it is frozen while the snapshots are made, so that they
 * are of the same moment.
 */
export function containerSnapshot(lxc: Lxc): GuestAccess {
  return { mode: 'snapshot', prepare: (context) => prepare(lxc, context) };
}

async function prepare(lxc: Lxc, context: GuestContext): Promise<PreparedGuest> {
  const { included } = await containerVolumes(context);
  const volumes = await snapped(included);
  const steps = volumes.length > 1 ? await freezing(lxc, context) : undefined;
  const pause = new GuestPause(context, steps, 'resume vm');
  const undo = new UndoStack();
  return {
    open: () => open(lxc, context, { volumes, pause, undo }),
    async release() {
      await pause.endAnyhow(); // first: if it is still frozen, it has waited long enough
      await undo.run((error) => context.log.warn((error as Error).message));
    },
  };
}

/** @throws `MODE_UNSUPPORTED` unless all can have one */
async function snapped(volumes: readonly ContainerVolume[]): Promise<readonly SnappedVolume[]> {
  const found: SnappedVolume[] = [];
  for (const volume of volumes) {
    const snapshot = await snapshotOfVolume(volume);
    if (snapshot !== undefined) found.push({ volume, snapshot });
  }
  if (found.length === volumes.length) return found;
  throw new ArchiveError('MODE_UNSUPPORTED', 'mode failure - some volumes do not support snapshots');
}

interface Opening {
  readonly volumes: readonly SnappedVolume[];
  readonly pause: GuestPause;
  readonly undo: UndoStack;
}

async function open(lxc: Lxc, context: GuestContext, { volumes, pause, undo }: Opening): Promise<TreeData> {
  const { log, signal } = context;
  signal?.throwIfAborted();
  await removeOldSnapshots(volumes, log);
  await context.phase('pre-stop');
  signal?.throwIfAborted();
  if (volumes.length > 1) {
    log.info('suspend vm to make snapshot');
    await pause.begin();
  }
  await flushImages(lxc, context, volumes);
  log.info(`create storage snapshot '${SNAPSHOT_NAME}'`);
  undo.defer(() => removeSnapshots(volumes, log));
  for (const { snapshot } of volumes) {
    signal?.throwIfAborted();
    await snapshot.create();
  }
  await pause.end();
  const copies = volumes.map(({ volume, snapshot }) => ({ ...volume, content: snapshot.content }));
  return mountedVolumes(copies, context, undo);
}

/** What a backup that was killed has left. */
async function removeOldSnapshots(volumes: readonly SnappedVolume[], log: GuestLog): Promise<void> {
  let isTold = false;
  for (const { snapshot } of volumes) {
    if (!(await snapshot.exists())) continue;
    if (!isTold) log.info(`found old ${SNAPSHOT_NAME} snapshot (force removal)`);
    isTold = true;
    await snapshot.remove();
  }
}

/** An image's snapshot has what was written to the file; the file system in it may have more in memory. */
async function flushImages(
  lxc: Lxc,
  { guest }: GuestContext,
  volumes: readonly SnappedVolume[],
): Promise<void> {
  const images = volumes.filter(({ volume }) => volume.content.kind === 'image');
  if (images.length === 0) return;
  const root = `/proc/${await lxc.initPid(guest.vmid)}/root`;
  for (const { volume } of images) {
    await runTool(['sync', '--file-system', '--', root + volume.mountPoint.path], { timeout: FLUSH_TIMEOUT });
  }
}

/** Those that are there; what fails with one keeps no other. */
async function removeSnapshots(volumes: readonly SnappedVolume[], log: GuestLog): Promise<void> {
  log.info(`cleanup temporary '${SNAPSHOT_NAME}' snapshot`);
  const remove = async ({ snapshot }: SnappedVolume) => {
    if (await snapshot.exists()) await snapshot.remove();
  };
  for (const volume of volumes.toReversed()) {
    await remove(volume).catch((error: Error) => log.warn(error.message));
  }
}
