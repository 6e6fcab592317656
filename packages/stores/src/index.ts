export { requireRoomForBackup, requireRoomForProtected } from './backup-limits.js';
export { type Backup, listBackups } from './list-backups.js';
export { type NewBackup, newBackup } from './new-backup.js';
export { getNotes, MAX_NOTES_BYTES, readNotes, setNotes } from './notes.js';
export { isProtected, setProtected } from './protection.js';
export { type PlannedBackup, type PrunedBackup, planPruning, pruneBackups } from './prune-backups.js';
export { chooseTemporaryDirectory } from './temporary-directory.js';
