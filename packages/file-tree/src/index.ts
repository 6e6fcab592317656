export { type Accounts, readAccounts, resolveAclNames } from './accounts.js';
export { ACCESS_ACL, DEFAULT_ACL, decodeAcl, encodeAcl } from './acl.js';
export { formatAclText, parseAclText } from './acl-text.js';
export { CAPABILITIES, capabilitiesInGuest, capabilitiesOnHost } from './capabilities.js';
export { ContentProgress } from './content-progress.js';
export { CountedWarnings } from './counted-warnings.js';
export type {
  Acl,
  AclEntry,
  Content,
  ContentInPieces,
  Device,
  EntryType,
  Extent,
  FileEntry,
} from './entry.js';
export type { ExcludeRules, ReadRulesFile } from './excludes.js';
export { gnuTarExcludes, LOST_AND_FOUND, STANDARD_EXCLUDES } from './gnu-tar-excludes.js';
export { type IdKind, IdMap, UNMAPPED_ID } from './id-map.js';
export { printableName, printableText } from './printable-name.js';
export { PXAR_EXCLUDE_FILE, pxarExcludes } from './pxar-excludes.js';
export { type RestoreOptions, type RestoreResult, restoreTree } from './restore.js';
export type { LossCounts, LossKind } from './restore-losses.js';
export type { Existing } from './restore-names.js';
export { fileNameFault, requireFileName } from './safe-name.js';
export { walk } from './walk.js';
export type { WalkOptions } from './walk-options.js';
export { contentPieces, piecesOf, wholeContent, wholePieces } from './whole-content.js';
