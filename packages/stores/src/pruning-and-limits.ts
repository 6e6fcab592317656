import { keepRules, keepsAll, markGroup, type Retention, type Verdict } from '@vzdump-format/pve';
import { ArchiveError, type OnWarning } from '@vzdump-format/streams';
import type { Backup, BackupFilter, BackupStore } from './backup-store.js';

export interface PruneOptions extends BackupFilter {
  readonly retention: Retention;
  /** Decides, and removes nothing. */
  readonly dryRun?: boolean;
  /** Called with what was decided, before anything is removed. */
  readonly onPlan?: (plan: readonly PlannedBackup[]) => Promise<void>;
  /** Called with each backup that is about to be removed. */
  readonly onRemove?: (backup: Backup) => void;
  /** Called for each backup that could not be removed (`BACKUP_REMOVE`); the others still are. */
  readonly onError: (error: ArchiveError) => void;
  readonly onWarning: OnWarning;
  /** Ends it between two backups. */
  readonly signal?: AbortSignal | undefined;
}

export interface PlannedBackup {
  readonly backup: Backup;
  readonly verdict: Verdict;
}

export interface PrunedBackup extends PlannedBackup {
  /** Whether it is gone. */
  readonly removed: boolean;
}

/**
 * Decides about each backup, within the group of its guest (and kind of guest). Backups with names that
 * vzdump does not make are in no group. Removes nothing.
 * @returns a verdict for each, in the order given, which for backups of the same second is the order of
 * preference
 */
export function planPruning(backups: readonly Backup[], retention: Retention): PlannedBackup[] {
  const groups = new Map<string, Backup[]>();
  for (const backup of backups) {
    const { type, standard } = backup.name;
    if (standard === undefined) continue;
    const key = `${type}/${standard.vmid}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [backup]);
    else group.push(backup);
  }
  const verdicts = new Map<Backup, Verdict>();
  for (const group of groups.values()) {
    const marks = markGroup(group, retention);
    for (const [index, backup] of group.entries()) verdicts.set(backup, marks[index]!);
  }
  return backups.map((backup) => ({ backup, verdict: verdicts.get(backup) ?? ungrouped(backup) }));
}

function ungrouped({ isProtected }: Backup): Verdict {
  return { mark: isProtected ? 'protected' : 'renamed' };
}

/**
 * Removes the backups in a store that the retention does not keep, with their logs, notes and indexes, and
 * what was left of those that others have removed.
 * @returns what was decided about each, in the order of `BackupStore.list`
 * @throws the system's error when the store cannot be listed
 */
export async function pruneBackups(store: BackupStore, options: PruneOptions): Promise<PrunedBackup[]> {
  const plan = planPruning(await store.list(options), options.retention);
  await options.onPlan?.(plan);
  const done: PrunedBackup[] = [];
  for (const planned of plan) {
    const remove = planned.verdict.mark === 'remove' && options.dryRun !== true;
    done.push({ ...planned, removed: remove && (await tryToRemove(store, planned.backup, options)) });
  }
  if (options.dryRun !== true) await store.removeOrphans(options.onWarning);
  return done;
}

async function tryToRemove(store: BackupStore, backup: Backup, options: PruneOptions): Promise<boolean> {
  const { id, path } = backup;
  options.signal?.throwIfAborted();
  options.onRemove?.(backup);
  try {
    await store.remove(id, options.onWarning);
    return true;
  } catch (cause) {
    const reason = (cause as Error).message;
    const message = `error when removing backup '${path}' - ${reason}`;
    options.onError(new ArchiveError('BACKUP_REMOVE', message, { entry: path, cause }));
    return false;
  }
}

/**
 * Refuses a further backup of a guest where nothing may be removed and there are as many as are to be kept.
 * Protected ones do not count, and one that will be protected needs no room.
 * @param backups the guest's
 * @throws `BACKUP_LIMIT`
 */
export function requireRoomForBackup(backups: readonly Backup[], retention: Retention): void {
  if (keepsAll(retention)) return;
  const limit = keepRules.reduce((sum, rule) => sum + (retention[rule] ?? 0), 0);
  if (backups.filter(({ isProtected }) => !isProtected).length < limit) return;
  throw new ArchiveError(
    'BACKUP_LIMIT',
    `There is a max backup limit of ${limit} enforced by the target storage or the vzdump parameters. Either increase ` +
      'the limit or delete old backups.',
  );
}

/** A storage that keeps backups. */
export interface ProtectionLimit {
  readonly id: string;
  /**
   * How many protected backups a guest may have there; any number below 0 and unless given, as for Proxmox
   * VE's administrators.
   */
  readonly maxProtectedBackups?: number | undefined;
}

/**
 * Refuses a further protected backup of a guest on a storage that allows no more of them.
 * @param backups the guest's
 * @throws `BACKUP_LIMIT`
 */
export function requireRoomForProtected(
  backups: readonly Backup[],
  { id, maxProtectedBackups: limit = -1 }: ProtectionLimit,
): void {
  if (limit < 0 || backups.filter(({ isProtected }) => isProtected).length < limit) return;
  throw new ArchiveError(
    'BACKUP_LIMIT',
    `The number of protected backups per guest is limited to ${limit} on storage '${id}'`,
  );
}

/**
 * Protects a backup. Of one that is no guest's, by its name, there is no limit.
 * @param storage which keeps it, if that is known
 * @throws as `BackupStore.setProtected`, and `BACKUP_LIMIT` when the guest has as many protected ones as the
 * storage allows
 */
export async function protectBackup(
  store: BackupStore,
  id: string,
  storage?: ProtectionLimit,
): Promise<void> {
  const guest = store.guestOf(id);
  if (storage !== undefined && guest !== undefined && !(await store.isProtected(id))) {
    requireRoomForProtected(await store.list({ ...guest, onWarning: () => {} }), storage);
  }
  await store.setProtected(id, true);
}
