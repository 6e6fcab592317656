export {
  ContentProgress,
  contentChunks,
  readWholeContent,
  type TreeSummary,
  wholeContent,
} from './entry/content.js';
export { CountedWarnings } from './entry/counted-warnings.js';
export type {
  Acl,
  AclEntry,
  Content,
  Device,
  EntryType,
  Extent,
  FileEntry,
} from './entry/entry.js';
export { fileNameFault, parentOf, requireFileName } from './entry/entry-path.js';
export { type FileEntryOptions, fileEntry, requireEntry } from './entry/file-entry.js';
export {
  type ExcludeRules,
  excludingAlso,
  gnuTarExcludes,
  LOST_AND_FOUND,
  PXAR_EXCLUDE_FILE,
  pxarExcludes,
  type ReadRulesFile,
  STANDARD_EXCLUDES,
} from './excludes/excludes.js';
export {
  ACCESS_ACL,
  type Accounts,
  DEFAULT_ACL,
  decodeAcl,
  encodeAcl,
  formatAclText,
  parseAclText,
  readAccounts,
  resolveAclNames,
} from './metadata/acl.js';
export { CAPABILITIES, capabilitiesInGuest, capabilitiesOnHost } from './metadata/capabilities.js';
export { type IdKind, IdMap, UNMAPPED_ID } from './metadata/id-map.js';
export { type RestoreTreeOptions, type RestoreTreeResult, restoreTree } from './restore/restore.js';
export type { LossCounts, LossKind } from './restore/restore-losses.js';
export type { Existing } from './restore/restore-run.js';
export { DirectoryTree, openDirectoryTree } from './source/directory-source.js';
export { scannedTree } from './source/scanned-source.js';
export {
  entriesBelow,
  entryNotFound,
  impliedDirectory,
  type TreeSource,
  wrongEntryKind,
} from './source/tree-source.js';
export { type WalkOptions, walk } from './walk/walk.js';
