import { mkdir } from 'node:fs/promises';
import { removeTree } from '@vzdump-format/posix';
import type { BackupCompression, Guest } from '@vzdump-format/pve';
import {
  type BackupStore,
  type BackupWriter,
  backupStem,
  chooseTemporaryDirectory,
  requireRoomForBackup,
  requireRoomForProtected,
} from '@vzdump-format/stores';
import { ArchiveError, debugLog } from '@vzdump-format/streams';
import { errorText } from '../error-text.js';
import type { DumpJob } from '../job/dump-job.js';
import type { GuestLogFile } from './guest-log.js';

/** Where a guest's backup goes. */
export interface BackupPlace {
  /** See `BackupWriter`. */
  readonly stem: string;
  /** Takes the archive, unless that goes to standard output, and the log; `undefined` where none is kept. */
  readonly writer: BackupWriter | undefined;
  /** The archive's path; `undefined` for one that goes to standard output. */
  readonly archive: string | undefined;
}

/**
 * Finds a place for a guest's backup, and checks that it may be made.
 * @throws `BACKUP_LIMIT`; the system's error
 */
export async function placeBackup(guest: Guest, job: DumpJob, log: GuestLogFile): Promise<BackupPlace> {
  const { store, output } = job.target;
  if (store === undefined) {
    return { stem: backupStem({ ...guest, start: new Date() }), writer: undefined, archive: undefined };
  }
  if (output === undefined) await requireRoom(guest, store, job);
  const compression = job.compression.codec.extensions[0]?.slice(1) as BackupCompression | undefined;
  const { type, vmid } = guest;
  const { onWarning } = log;
  const writer = await store.begin({ type, vmid, compression, onWarning, signal: job.signal });
  debugLog('guest %d: the backup becomes %s in %s', vmid, writer.id, store.location);
  return { stem: writer.stem, writer, archive: output === undefined ? writer.path : undefined };
}

async function requireRoom({ type, vmid }: Guest, store: BackupStore, job: DumpJob): Promise<void> {
  const { options, target, log } = job;
  const willBeProtected = options.protected === true;
  if (options.remove && !willBeProtected) return;
  const backups = await store.list({ type, vmid, onWarning: log.onWarning });
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
  debugLog('guest %d: temporary files are in %s', guest.vmid, path);
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
