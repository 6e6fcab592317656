export { dump } from './dump.js';
export type { DumpEvent, DumpResult, GuestResult, LogLevel, OnDumpEvent } from './dump-event.js';
export type { DumpOptions } from './dump-options.js';
export { LOG_PREFIXES } from './job-log.js';
export { TreeProgressLines } from './tree-progress-lines.js';
export { formatDuration } from './units.js';
