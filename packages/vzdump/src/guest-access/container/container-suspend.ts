import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DirectoryTree } from '@vzdump-format/file-tree';
import { runTool } from '@vzdump-format/posix';
import type { GuestAccess, GuestContext, PreparedGuest, TreeData } from '../guest-access.js';
import { containerVolumes } from './container-volumes.js';
import { freezing, GuestPause } from './guest-pause.js';
import type { Lxc } from './lxc.js';
import { requireRealDirectories } from './mounted-volumes.js';
import { distrustCopies, keepsAttributes, sync } from './rsync.js';

/**
 * The mode `suspend`: a container's files are copied while it runs, then it is frozen, and what has changed
 * meanwhile is copied once more. The archive is made of the copy when it has long been running again.
 */
export function containerSuspend(lxc: Lxc): GuestAccess {
  return { mode: 'suspend', prepare: (context) => prepare(lxc, context) };
}

async function prepare(lxc: Lxc, context: GuestContext): Promise<PreparedGuest> {
  const { included, excluded } = await containerVolumes(context);
  const steps = await freezing(lxc, context);
  const pause = new GuestPause(context, steps, 'resuming guest');
  const paths = included.map(({ mountPoint }) => mountPoint.path);
  const excludedPaths = excluded.map(({ path }) => path);
  return {
    open: () => copy(lxc, context, pause, { paths, excludedPaths }),
    release: () => pause.endAnyhow(),
  };
}

async function copy(
  lxc: Lxc,
  context: GuestContext,
  pause: GuestPause,
  selection: { readonly paths: readonly string[]; readonly excludedPaths: readonly string[] },
): Promise<TreeData> {
  const { guest, temporaryDirectory, excludePatterns, bandwidthLimit, log, signal } = context;
  signal?.throwIfAborted();
  // the copy gets a directory of its own, for that takes the mode and owner of the container's root
  const target = join(temporaryDirectory, 'root');
  await mkdir(target, { mode: 0o700 });
  const root = `/proc/${await lxc.initPid(guest.vmid)}/root`;
  const withAttributes = keepsAttributes(target, log);
  const options = {
    ...selection,
    root,
    target,
    withAttributes,
    excludePatterns,
    bandwidthLimit,
    log,
    signal,
  };
  const since = BigInt(Date.now()) * 1_000_000n;
  const requirePaths = async () => {
    for (const path of selection.paths) await requireRealDirectories(root, path);
  };

  await requirePaths();
  for (const path of selection.paths) await writeOut(root + path, signal);
  await sync('first', options);
  log.info('suspending guest');
  await context.phase('pre-stop');
  signal?.throwIfAborted();
  await pause.begin();
  await requirePaths();
  await distrustCopies({ root, target, since, signal });
  await sync('final', options);
  await pause.end();
  return { kind: 'tree', tree: new DirectoryTree(target), isCopy: true };
}

/**
 * Writes what is in memory for files to disk. A file that a program has mapped gets a new time only with the
 * first change after that.
 */
async function writeOut(path: string, signal: AbortSignal | undefined): Promise<void> {
  await runTool(['sync', '--file-system', '--', path], { timeout: Number.POSITIVE_INFINITY, signal });
}
