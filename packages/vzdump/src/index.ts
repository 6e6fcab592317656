export type {
  ArchiveBytes,
  ArchiveFormat,
  DiskFormat,
  OperationOptions,
  TreeFormat,
  UnpackDisksOptions,
  VerifyOptions,
  VmaListing,
} from './archive-format.js';
export * from './backups/index.js';
export * from './config/index.js';
export {
  type ConvertArchiveOptions,
  type ConvertArchiveResult,
  convertArchive,
} from './convert-archive.js';
export { type ImageFormat, imageFormats, type OpenDiskImageOptions, openDiskImage } from './disk-image.js';
export * from './dump/index.js';
export { detectFormat, format, formatForFileName, formats, writtenExtensions } from './formats.js';
export { containerMethods } from './guest-access/container-methods.js';
export type {
  AccessPhase,
  BackupMode,
  DiskData,
  GuestAccess,
  GuestContext,
  GuestData,
  GuestDrive,
  GuestLog,
  GuestMethods,
  PreparedGuest,
  TreeData,
} from './guest-access/guest-access.js';
export type { LxcOptions } from './guest-access/lxc.js';
export {
  INDEX_EXTENSION,
  type IndexArchiveOptions,
  indexArchive,
  openUncompressed,
} from './index-archive.js';
export { type OpenArchive, type OpenArchiveOptions, openArchive } from './open-archive.js';
export { type PackTreeOptions, type PackTreeResult, packTree } from './pack-tree.js';
export { type DriveSpec, type PackVmOptions, type PackVmResult, packVm } from './pack-vm.js';
export { type RestoreEvent, type RestoreOptions, type RestoreResult, restore } from './restore/index.js';
export { catFile, treeConfig, type UnpackTreeOptions, unpackTree } from './tree-archive.js';
