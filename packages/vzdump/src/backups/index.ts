export { type ProtectionLimit, requireRoomForBackup, requireRoomForProtected } from './backup-limits.js';
export {
  type BackupCompression,
  type BackupName,
  type BackupType,
  guestOfName,
  notesPath,
  parseBackupName,
  protectionPath,
  type StandardName,
} from './backup-name.js';
export { type Backup, type BackupFilter, type ListBackupsOptions, listBackups } from './list-backups.js';
export { type NewBackup, type NewBackupOptions, newBackup } from './new-backup.js';
export { getNotes, MAX_NOTES_BYTES, readNotes, setNotes } from './notes.js';
export { checkNotesTemplate, expandNotesTemplate, type NotesVariables } from './notes-template.js';
export { isProtected, setProtected } from './protection.js';
export {
  type PlannedBackup,
  type PrunedBackup,
  type PruneOptions,
  planPruning,
  pruneBackups,
} from './prune-backups.js';
export { removeBackup } from './remove-backup.js';
export {
  type KeepRule,
  type Kept,
  keepRules,
  keepsAll,
  markGroup,
  type Removed,
  type Retention,
  type RetentionEntry,
  type Verdict,
  verdictReason,
} from './retention.js';
export { checkedRetention, parseRetention, retentionString } from './retention-string.js';
export {
  chooseTemporaryDirectory,
  type TemporaryDirectory,
  type TemporaryDirectoryOptions,
} from './temporary-directory.js';
