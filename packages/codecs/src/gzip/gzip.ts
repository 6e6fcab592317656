import type { Codec } from '../codec.js';
import { compressGzip } from './compress.js';
import { decompressGzip } from './decompress.js';
import { GZIP_LEVELS, MAGIC } from './format.js';

/** RFC 1952, as `gzip` writes and reads it. */
export const gzip: Codec = {
  name: 'gzip',
  extensions: ['.gz', '.tgz'],
  magic: [MAGIC],
  levels: GZIP_LEVELS,
  threaded: false,
  canCompress: true,
  compress: compressGzip,
  decompress: decompressGzip,
};
