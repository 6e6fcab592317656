export { CLUSTER_SIZE, type VmaConfig, type VmaDevice, type VmaHeader, wholeSectors } from './format.js';
export { isVma, readVmaHeader } from './header.js';
export { configFileName, deviceFileName, findConfig, findDevice, repeatedDeviceNames } from './names.js';
export { streamDrive } from './read/drive-stream.js';
export { type OpenVmaOptions, openVma, type VmaArchive } from './read/random-access.js';
export { readVma } from './read/read-vma.js';
export { createUnpackVma, type UnpackVmaOptions, unpackVma, type VmaRecord } from './read/unpack.js';
export { repeatedNameWarnings, type VerifyVmaOptions, verifyVma } from './read/verify.js';
export {
  createPackVma,
  type PackProgress,
  type PackVmaDrive,
  type PackVmaOptions,
  packVma,
} from './write/pack.js';
export { createRepackVma, repackVma } from './write/repack.js';
