export {
  allocate,
  cloneFile,
  type FileSystem,
  fileStatus,
  fileSystem,
  getFlags,
  getQuotaProject,
  getXattr,
  listXattrs,
  lockFile,
  missingCapabilities,
  nativeCallsAvailable,
  punchHole,
  removeXattr,
  setFlags,
  setMode,
  setOwner,
  setPipeSize,
  setQuotaProject,
  setTimes,
  setXattr,
  unlockFile,
} from './by-descriptor.js';
export type { DirectoryListing, OpenDirectory, TimeToSet } from './directory.js';
export type { DeviceNumber, FileStatus, FileType } from './file-status.js';
export { openDirectory } from './open-directory.js';
export { bytesToPath, hasEscapedBytes, pathToBytes } from './path-bytes.js';
export { canSeekData, seekData, seekHole } from './seek.js';
export { SparseFileSource } from './sparse-file-source.js';
export { zeroRange } from './zero-range.js';
