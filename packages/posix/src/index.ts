export type { DirectoryListing, OpenDirectory, TimeToSet } from './directory/directory.js';
export { makeDirectories, removeEmptyDirectories } from './directory/make-directories.js';
export { openDirectory } from './directory/open-directory.js';
export { removeTree } from './directory/remove-tree.js';
export { allocate, cloneFile, punchHole, zeroRange } from './file/allocation.js';
export { fileStatus, setMode, setOwner, setTimes } from './file/by-descriptor.js';
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
export { closeFile, readBytes, writeBytes } from './file/file-content.js';
export type { DeviceNumber, FileStatus, FileType } from './file/file-status.js';
export { type FileSystem, fileSystem } from './file/file-system.js';
export { imageLocks, requireUnusedImage } from './file/image-use.js';
export { lockFile, unlockFile } from './file/lock-file.js';
export { isMountPoint, mountOf } from './file/mount-of.js';
export { OpenFileRange, offerRanges } from './file/open-file-range.js';
export { setPipeSize } from './file/pipe-size.js';
export { canSeekData, seekData, seekHole } from './file/seek.js';
export { SparseFileSource } from './file/sparse-file-source.js';
export { allowNativeCalls, koffiVersion, nativeCallsAvailable } from './native/native-calls.js';
export { type IoPriority, setIoPriority } from './process/io-priority.js';
export { Lifeline } from './process/lifeline.js';
export { isAccessible, missingCapabilities } from './process/permissions.js';
export { runLogged } from './process/run-logged.js';
export { type Command, isInstalled, runTool, toolEnvironment } from './process/run-tool.js';
export { shellQuote } from './process/shell-quote.js';
export { bytesToPath, hasEscapedBytes, pathToBytes, printableName, printableText } from './text/path-text.js';
