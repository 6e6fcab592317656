export { type Accounts, readAccounts, resolveAclNames } from './accounts.js';
export { ACCESS_ACL, DEFAULT_ACL, decodeAcl, encodeAcl } from './acl.js';
export { formatAclText, parseAclText } from './acl-text.js';
export { CAPABILITIES, capabilitiesInGuest, capabilitiesOnHost } from './capabilities.js';
export type { Acl, AclEntry, Content, Device, EntryType, Extent, FileEntry } from './entry.js';
export { type IdKind, IdMap, UNMAPPED_ID } from './id-map.js';
export { printableName } from './printable-name.js';
export { fileNameFault, requireFileName } from './safe-name.js';
