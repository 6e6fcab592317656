import { bytesToPath } from '@vzdump-format/posix';
import type { Guest } from '@vzdump-format/pve';
import { expandNotesTemplate, ifThere, readConfigFile, retentionString } from '@vzdump-format/pve';
import { pruneBackups } from '@vzdump-format/stores';
import { ArchiveError } from '@vzdump-format/streams';
import { errorText } from '../error-text.js';
import type { DumpJob } from '../job/dump-job.js';
import type { GuestLogFile } from './guest-log.js';

export interface FinishedBackup {
  readonly guest: Guest;
  readonly guestName: string | undefined;
  /** In the job's store. */
  readonly id: string;
  /** Its path. */
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

/** A backup is a backup without notes, too. */
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
