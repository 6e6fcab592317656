export type { TarEntry } from './entry.js';
export type { OnFrameStart } from './frame-starts.js';
export { isTar } from './header.js';
export { type FormatListingOptions, formatListing, type ListedEntry, ListingColumns } from './listing.js';
export type { PackEntry } from './member-headers.js';
export {
  createPackTar,
  type PackTarOptions,
  type PackTarProgress,
  packTar,
  packTarPieces,
  type TarBlob,
} from './pack.js';
export { type OpenTarOptions, openTar, type TarArchive } from './random-access.js';
export { type UnpackTarOptions, unpackTar } from './unpack.js';
export { createUnpackTar } from './unpack-duplex.js';
export { type TarSummary, type VerifyTarOptions, verifyTar } from './verify.js';
