import { mkdir } from 'node:fs/promises';
import { bytesToPath, ifThere, removeTree } from '@vzdump-format/posix';
import {
  type BackupCompression,
  expandNotesTemplate,
  type Guest,
  readConfigFile,
  retentionString,
} from '@vzdump-format/pve';
import {
  type BackupStore,
  type BackupWriter,
  backupStem,
  chooseTemporaryDirectory,
  pruneBackups,
  requireRoomForBackup,
  requireRoomForProtected,
} from '@vzdump-format/stores';
import { ArchiveError, debugLog } from '@vzdump-format/streams';
import type { DumpJob } from '../job/dump-job.js';
import { errorText, type GuestLogFile } from '../log.js';

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

export interface FinishedBackup {
  readonly guest: Guest;
  readonly guestName: string | undefined;
  /** The backup's id in the job's store. */
  readonly id: string;
  /** The archive's path. */
  readonly archive: string;
  readonly job: DumpJob;
  readonly log: GuestLogFile;
}

/**
 * What is done to an archive that is whole: notes, protection, and the pruning of older ones, in this order.
 */
export async function afterBackup(backup: FinishedBackup): Promise<void> {
  const { options } = backup.job;
  if (options['notes-template']) await addNotes(options['notes-template'], backup);
  if (options.protected === true) await protect(backup);
  if (options.remove) await prune(backup);
}

/** A failure is only a warning, for the backup is whole without notes, too. */
async function addNotes(template: string, backup: FinishedBackup): Promise<void> {
  const { guest, guestName, id, job, log } = backup;
  log.info('adding notes to backup');
  try {
    const notes = expandNotesTemplate(template, {
      cluster: await clusterName(job.root.directory),
      guestname: guestName ?? `VM ${guest.vmid}`,
      node: job.root.node,
      vmid: guest.vmid,
    });
    await job.target.store!.setNotes(id, notes, log.onWarning);
  } catch (error) {
    log.warn(`unable to add notes - ${errorText(error)}`);
  }
}

async function clusterName(pveRoot: string): Promise<string> {
  const bytes = await ifThere(readConfigFile(`${pveRoot}/corosync.conf`));
  const name = bytes && /^\s*cluster_name:\s*(\S+)/m.exec(bytesToPath(bytes))?.[1];
  return name ?? 'standalone node';
}

/** @throws `BACKUP_PROTECT` */
async function protect({ id, archive, job, log }: FinishedBackup): Promise<void> {
  log.info('marking backup as protected');
  await job.target.store!.setProtected(id, true).catch((cause: unknown) => {
    throw new ArchiveError('BACKUP_PROTECT', `unable to set protected flag - ${errorText(cause)}`, {
      entry: archive,
      cause,
    });
  });
}

/** @throws `BACKUP_PRUNE` when a backup could not be removed; the others are */
async function prune({ guest, job, log }: FinishedBackup): Promise<void> {
  const { options, target, signal } = job;
  const { type, vmid } = guest;
  const retention = options['prune-backups'];
  log.info(`prune older backups with retention: ${retentionString(retention, ', ')}`);
  const volumeOf = (name: string) => `${target.storage?.id}:backup/${name}`;
  let failed = false;
  const pruned = await pruneBackups(target.store!, {
    ...{ type, vmid, retention, signal, onWarning: log.onWarning },
    onRemove: ({ path, name }) =>
      log.info(
        target.storage === undefined
          ? `delete old backup '${path}'`
          : `removing backup '${volumeOf(name.fileName)}'`,
      ),
    onError: ({ message }) => {
      failed = true;
      log.error(message);
    },
  });
  if (failed) throw new ArchiveError('BACKUP_PRUNE', 'error pruning backups - check log');
  const count = pruned.filter(({ removed }) => removed).length;
  const why = count > 0 ? ' not covered by keep-retention policy' : '';
  log.info(`pruned ${count} backup(s)${why}`);
}
