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

interface VolumeWithSnapshot {
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
  const volumes = await withSnapshots(included);
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
async function withSnapshots(volumes: readonly ContainerVolume[]): Promise<readonly VolumeWithSnapshot[]> {
  const found: VolumeWithSnapshot[] = [];
  for (const volume of volumes) {
    const snapshot = await snapshotOfVolume(volume);
    if (snapshot !== undefined) found.push({ volume, snapshot });
  }
  if (found.length === volumes.length) return found;
  throw new ArchiveError('MODE_UNSUPPORTED', 'mode failure - some volumes do not support snapshots');
}

interface Opening {
  readonly volumes: readonly VolumeWithSnapshot[];
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

/** Removes what a backup that was killed has left. */
async function removeOldSnapshots(volumes: readonly VolumeWithSnapshot[], log: GuestLog): Promise<void> {
  let isTold = false;
  for (const { snapshot } of volumes) {
    if (!(await snapshot.exists())) continue;
    if (!isTold) log.info(`found old ${SNAPSHOT_NAME} snapshot (force removal)`);
    isTold = true;
    await snapshot.remove();
  }
}

/**
 * Writes out what a file system in an image has in memory: a snapshot has only what is in the image's file.
 */
async function flushImages(
  lxc: Lxc,
  { guest }: GuestContext,
  volumes: readonly VolumeWithSnapshot[],
): Promise<void> {
  const images = volumes.filter(({ volume }) => volume.content.kind === 'image');
  if (images.length === 0) return;
  const root = `/proc/${await lxc.initPid(guest.vmid)}/root`;
  for (const { volume } of images) {
    await runTool(['sync', '--file-system', '--', root + volume.mountPoint.path], { timeout: FLUSH_TIMEOUT });
  }
}

/** Removes those that are there. A failure with one does not keep the others. */
async function removeSnapshots(volumes: readonly VolumeWithSnapshot[], log: GuestLog): Promise<void> {
  log.info(`cleanup temporary '${SNAPSHOT_NAME}' snapshot`);
  const remove = async ({ snapshot }: VolumeWithSnapshot) => {
    if (await snapshot.exists()) await snapshot.remove();
  };
  for (const volume of volumes.toReversed()) {
    await remove(volume).catch((error: Error) => log.warn(error.message));
  }
}
