import { writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import {
  guestOfName,
  isThere,
  parseBackupName,
  protectionPath,
  removeIfThere,
  requireBackup,
} from '@vzdump-format/pve';
import { type ProtectionLimit, requireRoomForProtected } from './backup-limits.js';
import { listBackups } from './list-backups.js';

/**
 * Whether a backup is protected: neither pruned nor removed. A marker beside it says so.
 * @throws `BACKUP_NAME`, `NOT_A_FILE`; the system's error when there is no such backup, or it cannot be told
 */
export async function isProtected(archive: string): Promise<boolean> {
  await requireBackup(archive);
  return isThere(protectionPath(archive));
}

/**
 * Protects a backup, or no longer.
 * @param storage which keeps it, if that is known
 * @throws as `isProtected`, and `BACKUP_LIMIT` when the guest has as many protected ones as the storage
 * allows
 */
export async function setProtected(
  archive: string,
  protect: boolean,
  storage?: ProtectionLimit,
): Promise<void> {
  await requireBackup(archive);
  const marker = protectionPath(archive);
  if (!protect) await removeIfThere(marker);
  else if (!(await isThere(marker))) {
    if (storage !== undefined) await requireRoom(archive, storage);
    await writeFile(marker, '', { flag: 'a', mode: 0o644 });
  }
}

/** Of what is no guest's, by its name, there is no limit. */
async function requireRoom(archive: string, storage: ProtectionLimit): Promise<void> {
  const name = parseBackupName(archive);
  const vmid = name && guestOfName(name);
  if (vmid === undefined) return;
  const backups = await listBackups(dirname(archive), { type: name!.type, vmid, onWarning: () => {} });
  requireRoomForProtected(backups, storage);
}
