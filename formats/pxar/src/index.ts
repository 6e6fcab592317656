export type { PxarEntry, PxarHeader } from './entry.js';
export { isPxar, isPxarPayload } from './format.js';
export type { PxarInput } from './read/forward-reader.js';
export { type OpenPxarOptions, openPxar, type PxarArchive } from './read/random-access.js';
export { createUnpackPxar, type UnpackPxarOptions, unpackPxar } from './read/unpack.js';
export { type PxarSummary, type VerifyPxarOptions, verifyPxar } from './read/verify.js';
export { EXCLUDES_FILE } from './write/excludes.js';
export { createPackPxar, isKeptByProxmox, packPxar, packPxarPieces } from './write/pack.js';
export type { PackPxarOptions, PayloadSink } from './write/pack-options.js';
