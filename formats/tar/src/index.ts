export { isTar } from './header/header.js';
export { type FormatListingOptions, formatListing, type ListedEntry, ListingColumns } from './listing.js';
export type { TarEntry } from './read/member.js';
export { collectMemberHeaders, type LocatedHeaders } from './read/member-headers.js';
export { type OpenTarOptions, openTar, type TarArchive } from './read/random-access.js';
export {
  createUnpackTar,
  type UnpackTarOptions,
  unpackTar,
  type VerifyTarOptions,
  verifyTar,
  webUnpackTar,
} from './read/unpack.js';
export type { PackEntry } from './write/member-headers.js';
export {
  createPackTar,
  type PackTarOptions,
  packTar,
  type TarBlob,
  webPackTar,
} from './write/pack.js';
