import { mkdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { removeTree } from '@vzdump-format/posix';
import type { BackupCompression, Guest } from '@vzdump-format/pve';
import { isThere, removeIfThere } from '@vzdump-format/pve';
import {
  chooseTemporaryDirectory,
  listBackups,
  type NewBackup,
  newBackup,
  requireRoomForBackup,
  requireRoomForProtected,
} from '@vzdump-format/stores';
import { ArchiveError } from '@vzdump-format/streams';
import { errorText } from '../error-text.js';
import type { DumpJob } from '../job/dump-job.js';
import type { GuestLogFile } from './guest-log.js';

/** Where a guest's backup goes. */
export interface BackupPlace {
  readonly stem: string;
  /** `undefined` for one that goes to standard output. */
  readonly files: NewBackup | undefined;
  /** The log's path, where one is kept. */
  readonly log: string | undefined;
}

/**
 * Finds names for a guest's backup, and checks that it may be made.
 * @throws `BACKUP_LIMIT`; the system's error
 */
export async function placeBackup(guest: Guest, job: DumpJob): Promise<BackupPlace> {
  const { directory, output } = job.target;
  const compression = job.compression.codec.extensions[0]?.slice(1) as BackupCompression | undefined;
  const namesAt = (start: Date) => newBackup(directory ?? '', { ...guest, start, compression });
  if (directory === undefined) return { stem: namesAt(new Date()).stem, files: undefined, log: undefined };
  if (output === undefined) await requireRoom(guest, directory, job);
  const files = await unusedNames(namesAt, job.signal);
  const log = files.log;
  if (output !== undefined) return { stem: files.stem, files: undefined, log };
  await removeIfThere(files.unfinished);
  return { stem: files.stem, files, log };
}

/** Two backups of a guest in one second would have the same name. */
async function unusedNames(namesAt: (start: Date) => NewBackup, signal?: AbortSignal): Promise<NewBackup> {
  for (;;) {
    const now = new Date();
    const files = namesAt(now);
    if (!(await isThere(files.archive)) && !(await isThere(files.log))) return files;
    await sleep(1000 - now.getMilliseconds(), undefined, signal && { signal });
  }
}

async function requireRoom({ type, vmid }: Guest, directory: string, job: DumpJob): Promise<void> {
  const { options, target, log } = job;
  const willBeProtected = options.protected === true;
  if (options.remove && !willBeProtected) return;
  const backups = await listBackups(directory, { type, vmid, onWarning: log.onWarning });
  if (!willBeProtected) requireRoomForBackup(backups, options['prune-backups']);
  else if (target.storage !== undefined) requireRoomForProtected(backups, target.storage);
}

/** Makes the directory for temporary files. @throws `TEMPORARY_DIRECTORY` */
export async function makeTemporaryDirectory(
  guest: Guest,
  { stem }: BackupPlace,
  job: DumpJob,
  log: GuestLogFile,
): Promise<string> {
  const { path, notice } = chooseTemporaryDirectory({
    ...{ type: guest.type, vmid: guest.vmid, stem },
    tmpdir: job.options.tmpdir,
    dumpDirectory: job.target.directory,
  });
  if (notice !== undefined) log.info(notice);
  job.journal.add({ kind: 'temporary', path });
  try {
    await removeTree(path);
    await mkdir(path, { mode: 0o700 });
  } catch (cause) {
    throw new ArchiveError(
      'TEMPORARY_DIRECTORY',
      `unable to create temporary directory '${path}' - ${errorText(cause)}`,
      { entry: path, cause },
    );
  }
  return path;
}
