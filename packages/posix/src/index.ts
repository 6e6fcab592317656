export type { DirectoryEntry, OpenDirectory, TimeToSet } from './directory/directory.js';
export { makeDirectories, removeEmptyDirectories } from './directory/make-directories.js';
export { openDirectory } from './directory/native-directory.js';
export { removeTree } from './directory/remove-tree.js';
export {
  allocate,
  canSeekData,
  cloneFile,
  punchHole,
  seekData,
  seekHole,
  zeroRange,
} from './file/allocation.js';
export { ifThere, isAccessible, isThere, removeIfThere } from './file/by-path.js';
export {
  getFlags,
  getQuotaProject,
  getXattr,
  listXattrs,
  removeXattr,
  setFlags,
  setQuotaProject,
  setXattr,
} from './file/file-attributes.js';
export type { DeviceNumber, FileStatus, FileType } from './file/file-status.js';
export { type FileSystem, fileSystem, isMountPoint, mountOf } from './file/file-system.js';
export { imageLocks, requireUnusedImage } from './file/image-use.js';
export {
  closeFile,
  fileStatus,
  lockFile,
  readBytes,
  setMode,
  setOwner,
  setPipeSize,
  setTimes,
  unlockFile,
  writeBytes,
} from './file/open-file.js';
export { OpenFileRange, offerRanges } from './file/open-file-range.js';
export { SparseFileSource } from './file/sparse-file-source.js';
export {
  allowNativeCalls,
  koffiVersion,
  missingCapabilities,
  nativeCallsAvailable,
} from './native/native-calls.js';
export { bytesToPath, hasEscapedBytes, pathToBytes, printableName, printableText } from './path-text.js';
export { type IoPriority, setIoPriority } from './process/io-priority.js';
export { Lifeline } from './process/lifeline.js';
export { runLogged, shellQuote } from './process/run-logged.js';
export { type Command, isInstalled, runTool, toolEnvironment } from './process/run-tool.js';
