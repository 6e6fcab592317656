import { type OpenArchive, openArchive } from '@vzdump-format/archives';
import { storageOf } from '@vzdump-format/pve';
import { RateLimiter } from '@vzdump-format/streams';
import { requirePool } from './commit-guest.js';
import { restoreContainer } from './restore-container.js';
import { archivePath, limitFor, limitReading, newRestoreJob, type RestoreJob } from './restore-job.js';
import type { RestoreOptions, RestoreResult } from './restore-options.js';
import { restoreVm } from './restore-vm.js';

/**
 * Makes a guest of an archive, as qmrestore and `pct restore` do: volumes on the storages of `pveRoot`, and a
 * configuration there. The guest is whole in the end, or there is nothing of it; one that it replaces
 * (`force`) stays until then.
 *
 * What `onEvent` is told of is done, or about to be; what was lost of a file's metadata is a warning.
 *
 * @throws ArchiveError: `GUEST_…`, `POOL_UNKNOWN`, `RESTORE_…`, `STORAGE_…`, `VOLUME_ID`, `CONFIG_VALUE`,
 * `FILE_EXISTS`, `TARGET_…`, `PROGRAM_…`; what the archive's format and codec and `restoreTree` throw; the
 * system's error
 */
export async function restore(options: RestoreOptions): Promise<RestoreResult> {
  const { signal, onWarning, pool } = options;
  signal?.throwIfAborted();
  const job = await newRestoreJob(options);
  if (pool !== undefined) await requirePool(job.pveRoot, pool);
  const limiter = new RateLimiter(0);
  const { maxWindowLog, payload, useIndex, indexDirectory } = options;
  const reading = { maxWindowLog, payload, useIndex, indexDirectory };
  const archive = await openArchive(job.archive, { ...reading, limiter, onWarning, signal });
  try {
    return archive.format.kind === 'disks'
      ? await restoreVm(limitedByItsStorage(job, archive, limiter), job)
      : await restoreContainer({ archive, format: archive.format, limiter }, job);
  } catch (error) {
    await job.staged.discard();
    throw error;
  } finally {
    await archive.close();
  }
}

/**
 * Limits the reading of a virtual machine's archive to what the storage allows that holds it, if one does.
 */
function limitedByItsStorage(job: RestoreJob, archive: OpenArchive, limiter: RateLimiter): OpenArchive {
  const path = archivePath(job);
  const storage = path === undefined ? undefined : storageOf(job.storages, path);
  const kibPerSecond = storage === undefined ? 0 : limitFor(job, [storage]);
  limitReading(job, limiter, kibPerSecond);
  return archive;
}
