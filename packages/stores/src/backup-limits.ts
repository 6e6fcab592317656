import { keepRules, keepsAll, type Retention } from '@vzdump-format/pve';
import { ArchiveError } from '@vzdump-format/streams';
import type { Backup, BackupStore } from './backup-store.js';

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
