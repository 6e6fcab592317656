export type { PxarEntry, PxarHeader } from './entry.js';
export { isPxar, isPxarPayload } from './format.js';
export { createUnpackPxar, type UnpackPxarOptions, unpackPxar } from './unpack.js';
