export type { PxarEntry, PxarHeader } from './entry.js';
export { EXCLUDES_FILE } from './excludes.js';
export { isPxar, isPxarPayload } from './format.js';
export type { PxarInput } from './forward-reader.js';
export {
  createPackPxar,
  isKeptByProxmox,
  type PackPxarOptions,
  type PayloadSink,
  packPxar,
  packPxarPieces,
} from './pack.js';
export { type OpenPxarOptions, openPxar, type PxarArchive } from './random-access.js';
export { createUnpackPxar, type UnpackPxarOptions, unpackPxar } from './unpack.js';
export { type PxarSummary, type VerifyPxarOptions, verifyPxar } from './verify.js';
