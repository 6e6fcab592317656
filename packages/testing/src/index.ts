export { asUser } from './as-user.js';
export {
  CHUNK_SIZES,
  type ChunkSize,
  chunked,
  collect,
  collectLate,
  INPUTS,
  lending,
  noise,
  overwriting,
  PRODUCERS,
  seededRandom,
  sha256,
} from './chunks.js';
export { type LettingGoCase, StallingSource, testLettingGo } from './letting-go.js';
export {
  BTRFS,
  EXT4,
  type FileSystemKind,
  testOnFileSystem,
  XFS,
} from './mounted.js';
export { isMet, REQUIRED, testInDirectory, testWith } from './requirements.js';
export { type RunToolOptions, runTool, runToolSync } from './run-tool.js';
export {
  keptScratch,
  openFilesIn,
  scratch,
  useTemporaryDirectory,
  withDirectory,
} from './temporary-directory.js';
export { awkwardZones, useTimeZone } from './time-zone.js';
