import type { Codec } from '../codec.js';
import { compressLzo, LZO_LEVELS } from './compress.js';
import { decompressLzo } from './decompress.js';
import { MAGIC } from './format.js';

/** The file format of `lzop`, with LZO1X inside. */
export const lzo: Codec = {
  name: 'lzo',
  extensions: ['.lzo'],
  magic: [MAGIC],
  levels: LZO_LEVELS,
  threaded: true,
  canCompress: true,
  compress: compressLzo,
  decompress: decompressLzo,
};
