export type {
  Codec,
  CodecEngine,
  CompressOptions,
  DecompressOptions,
  LevelRange,
  SeekableOptions,
} from './codec.js';
export { createCompress, createDecompress } from './duplex.js';
export { type ForeignCompression, foreignCompression } from './foreign.js';
export { buildIndex, type OpenSeekableOptions, openSeekable } from './open-seekable.js';
export {
  type CompressChoice,
  type CompressThreads,
  codec,
  codecForCompressOption,
  codecForFileName,
  codecs,
  DETECT_BYTES,
  detectCodec,
} from './registry.js';
