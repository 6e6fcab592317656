export {
  ArchiveError,
  type ArchiveWarning,
  debugLog,
  failedCall,
  isNotFound,
  type OnWarning,
} from './diagnostics.js';
export { CommittedFile, commitTogether, FormerFile } from './file/commit-together.js';
export {
  hiddenName,
  isFileAt,
  nameFile,
  onNamedFile,
  useRenameNoReplace,
  withFileName,
} from './file/file-name.js';
export { PendingFile, type PendingFileOptions, syncDirectory } from './file/pending-file.js';
export {
  blockingWriter,
  STANDARD_OUTPUT,
  type WriteAt,
  writeFully,
  writeToFile,
  writeToStream,
} from './file/write-chunks.js';
export { alignedMemory, alignedSharedMemory, allZero, zeroChunks } from './memory.js';
export { ByteReader } from './source/byte-reader.js';
export {
  BufferSource,
  type ByteRange,
  type ByteSource,
  blockDeviceSize,
  FileSource,
  fill,
  type OpenedFile,
  openForReading,
  readFully,
  SliceSource,
} from './source/byte-source.js';
export {
  type ChunkSink,
  type ChunksInPieces,
  chunksOf,
  type FileRange,
  give,
  isFileRange,
  type Piece,
  piecesOf,
} from './source/file-range.js';
export { type ReadChunksOptions, readChunks, readPipe } from './source/read-chunks.js';
export { mapOrdered, prefetchOne } from './stage/ahead.js';
export { Boundaries, type OnBoundary } from './stage/boundaries.js';
export { owned, toByteDuplex, toPackingDuplex, toUnpackingDuplex } from './stage/duplex.js';
export { EventLoopTurns } from './stage/event-loop-turns.js';
export { type Items, iteratorOf } from './stage/items.js';
export { hashing, Meter, metered, type OnProgress, observed } from './stage/pass-through.js';
export {
  expandedItems,
  mappedItems,
  observedItems,
  type Pulled,
  PullIterator,
  type PullSource,
} from './stage/pull-iterator.js';
export { ClaimedSource, runStage, type Stage, stageOf, type Work } from './stage/stage.js';
export { RateLimiter, ThrottledSource, throttle } from './stage/throttle.js';
export { toReadableStream, toTransformStream } from './stage/web.js';
