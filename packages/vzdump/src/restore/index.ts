export { restore } from './restore.js';
export type { RestoreEvent, RestoreOptions, RestoreResult } from './restore-options.js';
