export type { Acl, AclEntry, Content, Device, EntryType, Extent, FileEntry } from './entry.js';
export { printableName } from './printable-name.js';
export { fileNameFault, requireFileName } from './safe-name.js';
