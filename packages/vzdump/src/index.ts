export type {
  ArchiveBytes,
  ArchiveFormat,
  Listing,
  OperationOptions,
  UnpackOptions,
  VmaListing,
} from './archive-format.js';
export { type ImageFormat, imageFormats, type OpenDiskImageOptions, openDiskImage } from './disk-image.js';
export { detectFormat, format, formatForFileName, formats } from './formats.js';
export { type OpenArchive, type OpenArchiveOptions, openArchive } from './open-archive.js';
export { type DriveSpec, type PackVmOptions, type PackVmResult, packVm } from './pack-vm.js';
