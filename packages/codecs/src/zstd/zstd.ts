import type { Codec } from '../codec.js';
import { compressZstd, ZSTD_LEVELS } from './compress.js';
import { decompressZstd } from './decompress.js';
import { ZSTD_MAGICS } from './format.js';

/** RFC 8878, as `zstd` writes and reads it. */
export const zstd: Codec = {
  name: 'zstd',
  extensions: ['.zst'],
  magic: ZSTD_MAGICS,
  levels: ZSTD_LEVELS,
  threaded: true,
  canCompress: true,
  compress: compressZstd,
  decompress: decompressZstd,
};
