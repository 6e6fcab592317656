export { isPxar, isPxarPayload } from './format.js';
export type { PxarEntry, PxarHeader } from './read/entry-reader.js';
export type { PxarInput } from './read/item-reader.js';
export { type OpenPxarOptions, openPxar, type PxarArchive } from './read/random-access.js';
export {
  createUnpackPxar,
  type UnpackPxarOptions,
  unpackPxar,
  type VerifyPxarOptions,
  verifyPxar,
  webUnpackPxar,
} from './read/unpack.js';
export { createPackPxar, isKeptByProxmox, packPxar, webPackPxar } from './write/pack.js';
export { EXCLUDES_FILE, type PackPxarOptions } from './write/pack-options.js';
