import { dirname } from 'node:path';
import {
  isThere,
  notesPath,
  parseBackupName,
  protectionPath,
  removeIfThere,
  requireBackupExtension,
} from '@vzdump-format/pve';
import { ArchiveError, type OnWarning } from '@vzdump-format/streams';
import { inDirectory } from './backup-names.js';

/**
 * Removes a backup with its notes and, if its name is as vzdump makes them, its log. What is not there need
 * not be removed; notes or a log that cannot be are a warning.
 * @throws `BACKUP_PROTECTED`, `BACKUP_NAME`; the system's error
 */
export async function removeBackup(archive: string, onWarning: OnWarning): Promise<void> {
  requireBackupExtension(archive);
  if (await isThere(protectionPath(archive))) {
    throw new ArchiveError('BACKUP_PROTECTED', `cannot remove protected archive '${archive}'`, {
      entry: archive,
      hint: 'take the protection away first: protect --off ARCHIVE',
    });
  }
  await removeIfThere(archive);
  for (const path of companions(archive)) {
    await removeIfThere(path).catch((error: Error) => {
      const message = `${archive} is removed, and something of it is left: ${error.message}`;
      onWarning({ code: 'BACKUP_LEFTOVER', message, entry: path });
    });
  }
}

/** What goes with a backup. */
function companions(archive: string): string[] {
  const stem = parseBackupName(archive)?.standard?.stem;
  const log = stem === undefined ? [] : [inDirectory(dirname(archive), `${stem}.log`)];
  return [...log, notesPath(archive)];
}
