import { writeFile } from 'node:fs/promises';
import { isThere, protectionPath, removeIfThere, requireBackup } from '@vzdump-format/pve';

/**
 * Whether a backup is protected: neither pruned nor removed. A marker beside it says so.
 * @throws `BACKUP_NAME`, `NOT_A_FILE`; the system's error when there is no such backup, or it cannot be told
 */
export async function isProtected(archive: string): Promise<boolean> {
  await requireBackup(archive);
  return isThere(protectionPath(archive));
}

/** Protects a backup, or no longer. @throws as `isProtected` */
export async function setProtected(archive: string, protect: boolean): Promise<void> {
  await requireBackup(archive);
  const marker = protectionPath(archive);
  if (!protect) await removeIfThere(marker);
  else if (!(await isThere(marker))) await writeFile(marker, '', { flag: 'a', mode: 0o644 });
}
