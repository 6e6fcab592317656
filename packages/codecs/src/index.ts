export type {
  Codec,
  CodecEngine,
  CodecName,
  CompressOptions,
  DecompressOptions,
  IndexOptions,
  KeptRange,
  LevelRange,
  SeekableOptions,
} from './codec.js';
export { checkedSpan } from './codec.js';
export {
  type BuildIndexOptions,
  buildIndex,
  type CompressChoice,
  type CompressThreads,
  codec,
  codecForCompressOption,
  codecForFileName,
  codecs,
  DETECT_BYTES,
  detectCodec,
  type ForeignCompression,
  foreignCompression,
  type OpenSeekableOptions,
  openSeekable,
} from './registry.js';
export { readInOrder } from './seekable/segmented-source.js';
export { createCompress, createDecompress, webCompress, webDecompress } from './streams.js';
