import './rename-no-replace.js'; // for whoever gives files their names

export { allocate, cloneFile, punchHole, zeroRange } from './allocation.js';
export { fileStatus, setMode, setOwner, setTimes } from './by-descriptor.js';
export { missingCapabilities } from './capabilities.js';
export type { DirectoryListing, OpenDirectory, TimeToSet } from './directory.js';
export { closeFile, readBytes, writeBytes } from './file-content.js';
export { getFlags, getQuotaProject, setFlags, setQuotaProject } from './file-flags.js';
export type { DeviceNumber, FileStatus, FileType } from './file-status.js';
export { type FileSystem, fileSystem } from './file-system.js';
export { imageLocks, requireUnusedImage } from './image-use.js';
export { type IoPriority, setIoPriority } from './io-priority.js';
export { lockFile, unlockFile } from './lock-file.js';
export { makeDirectories, removeEmptyDirectories } from './make-directories.js';
export { allowNativeCalls, koffiVersion, nativeCallsAvailable } from './native-calls.js';
export { openDirectory } from './open-directory.js';
export { OpenFileRange, offerRanges } from './open-file-range.js';
export { bytesToPath, hasEscapedBytes, pathToBytes } from './path-bytes.js';
export { setPipeSize } from './pipe-size.js';
export { removeTree } from './remove-tree.js';
export { canSeekData, seekData, seekHole } from './seek.js';
export { SparseFileSource } from './sparse-file-source.js';
export { getXattr, listXattrs, removeXattr, setXattr } from './xattrs.js';
