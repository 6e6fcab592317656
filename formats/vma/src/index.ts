export { CLUSTER_SIZE, type VmaConfig, type VmaDevice, type VmaHeader, wholeSectors } from './format.js';
export { isVma, readVmaHeader } from './header.js';
export {
  configFileName,
  deviceFileName,
  findConfig,
  findDevice,
  repeatedDeviceNames,
  repeatedNameWarnings,
} from './names.js';
export { streamDrive } from './read/drive-stream.js';
export { collectExtentHeaders, type LocatedHeader } from './read/extent-headers.js';
export { type OpenVmaOptions, openVma, type VmaArchive } from './read/random-access.js';
export { readVma } from './read/read-vma.js';
export {
  createUnpackVma,
  type UnpackVmaOptions,
  unpackVma,
  type VerifyVmaOptions,
  type VmaRecord,
  type VmaSummary,
  verifyVma,
  webUnpackVma,
} from './read/unpack.js';
export { createPackVma, type PackVmaDrive, type PackVmaOptions, packVma, webPackVma } from './write/pack.js';
export { createRepackVma, repackVma, webRepackVma } from './write/repack.js';
