export { ContentProgress, type TreeSummary } from './entry/content-progress.js';
export { CountedWarnings } from './entry/counted-warnings.js';
export type {
  Acl,
  AclEntry,
  Content,
  ContentInPieces,
  Device,
  EntryType,
  Extent,
  FileEntry,
} from './entry/entry.js';
export { fileNameFault, requireFileName } from './entry/safe-name.js';
export {
  contentPieces,
  piecesOf,
  readWholeContent,
  wholeContent,
  wholePieces,
} from './entry/whole-content.js';
export { type ExcludeRules, excludingAlso, type ReadRulesFile } from './excludes/excludes.js';
export { gnuTarExcludes, LOST_AND_FOUND, STANDARD_EXCLUDES } from './excludes/gnu-tar-excludes.js';
export { PXAR_EXCLUDE_FILE, pxarExcludes } from './excludes/pxar-excludes.js';
export { type Accounts, readAccounts, resolveAclNames } from './metadata/accounts.js';
export { ACCESS_ACL, DEFAULT_ACL, decodeAcl, encodeAcl } from './metadata/acl.js';
export { formatAclText, parseAclText } from './metadata/acl-text.js';
export { CAPABILITIES, capabilitiesInGuest, capabilitiesOnHost } from './metadata/capabilities.js';
export { type IdKind, IdMap, UNMAPPED_ID } from './metadata/id-map.js';
export { type RestoreTreeOptions, type RestoreTreeResult, restoreTree } from './restore/restore.js';
export type { LossCounts, LossKind } from './restore/restore-losses.js';
export type { Existing } from './restore/restore-names.js';
export { DirectoryTree, openDirectoryTree } from './source/directory-source.js';
export { scannedTree } from './source/scanned-source.js';
export {
  entriesBelow,
  entryNotFound,
  impliedDirectory,
  parentOf,
  type TreeSource,
  wrongEntryKind,
} from './source/tree-source.js';
export { walk } from './walk/walk.js';
export type { WalkOptions } from './walk/walk-options.js';
