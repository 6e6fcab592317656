export { alignedMemory, alignedSharedMemory } from './aligned-memory.js';
export { ArchiveError, type ArchiveWarning, type OnWarning } from './archive-error.js';
export { debugLog } from './debug-log.js';
export { failedCall } from './failed-call.js';
export { CommittedFile, commitTogether } from './file/commit-together.js';
export { nameFile, onNamedFile, withFileName } from './file/file-name.js';
export { FormerFile } from './file/former-file.js';
export { hiddenName } from './file/hidden-name.js';
export { isFileAt } from './file/is-file-at.js';
export { PendingFile, type PendingFileOptions } from './file/pending-file.js';
export { useRenameNoReplace } from './file/rename-to-new.js';
export { syncDirectory } from './file/sync-directory.js';
export {
  blockingWriter,
  STANDARD_OUTPUT,
  type WriteAt,
  writeFully,
  writeToFile,
  writeToStream,
} from './file/write-chunks.js';
export { ByteReader } from './source/byte-reader.js';
export {
  BufferSource,
  type ByteRange,
  type ByteSource,
  blockDeviceSize,
  FileSource,
  type OpenedFile,
  openForReading,
  readFully,
  SliceSource,
} from './source/byte-source.js';
export { chunksOf, type FileRange, isFileRange, type Piece } from './source/file-range.js';
export { type ReadChunksOptions, readChunks } from './source/read-chunks.js';
export { readPipe } from './source/read-pipe.js';
export { ThrottledSource } from './source/throttled-source.js';
export { Boundaries, type OnBoundary } from './stage/boundaries.js';
export { ClaimedSource } from './stage/claimed-source.js';
export { owned, toByteDuplex, toPackingDuplex, toUnpackingDuplex } from './stage/duplex.js';
export { EventLoopTurns } from './stage/event-loop-turns.js';
export { hashing } from './stage/hashing.js';
export { mapOrdered } from './stage/map-ordered.js';
export { Meter, metered } from './stage/meter.js';
export { observed } from './stage/observed.js';
export { prefetchOne } from './stage/prefetch-one.js';
export {
  mappedItems,
  observedItems,
  type Pulled,
  PullIterator,
  type PullSource,
} from './stage/pull-iterator.js';
export { runStage, type Stage, stageOf } from './stage/stage.js';
export { RateLimiter, throttle } from './stage/throttle.js';
export { allZero, zeroChunks } from './zeros.js';
