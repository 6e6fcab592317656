import { lstat, stat, unlink } from 'node:fs/promises';
import { ArchiveError } from '@vzdump-format/streams';
import { requireBackupExtension } from './backup-name.js';

/**
 * Checks that a path has a backup's extension, and that a file is there.
 * @throws `BACKUP_NAME`, `NOT_A_FILE`, the system's error
 */
export async function requireBackup(archive: string): Promise<void> {
  requireBackupExtension(archive);
  if ((await stat(archive)).isFile()) return;
  throw new ArchiveError('NOT_A_FILE', `${archive} is not a regular file`, { entry: archive });
}

/**
 * Whether the name is taken, be it by a symbolic link that points nowhere. @throws the system's error when it
 * cannot be told
 */
export async function isThere(path: string): Promise<boolean> {
  return (await unlessMissing(lstat(path))) !== undefined;
}

/** @throws the system's error */
export async function removeIfThere(path: string): Promise<void> {
  await unlessMissing(unlink(path));
}

/** What a call gives; nothing when there is no such file. */
export async function unlessMissing<Result>(call: Promise<Result>): Promise<Result | undefined> {
  try {
    return await call;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
