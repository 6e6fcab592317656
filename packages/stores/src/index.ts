export type { Backup, BackupStore, BackupWriter, StoredBackup } from './backup-store.js';
export { backupStem, chooseTemporaryDirectory } from './directory/backup-names.js';
export { DirectoryStore } from './directory/directory-store.js';
export { ARCHIVE_STREAM } from './directory/directory-writer.js';
export { MAX_NOTES_BYTES } from './directory/notes-and-protection.js';
export {
  type PlannedBackup,
  type PrunedBackup,
  planPruning,
  protectBackup,
  pruneBackups,
  requireRoomForBackup,
  requireRoomForProtected,
} from './pruning-and-limits.js';
export { archiveAt, locateStore, locateStoredBackup } from './store-location.js';
