export { dump } from './dump/dump.js';
export type { DumpEvent, DumpResult, GuestResult, LogLevel } from './dump/dump-options.js';
export { TreeProgressLines } from './dump/guest/progress-lines.js';
export { LOG_PREFIXES } from './dump/log.js';
export { formatDuration, renderBytes } from './dump/units.js';
export { restore } from './restore/restore.js';
export type { RestoreEvent, RestoreOptions, RestoreResult } from './restore/restore-options.js';
export type { VolumePlace } from './restore/volumes/volume-store.js';
