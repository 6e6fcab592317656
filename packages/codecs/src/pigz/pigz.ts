import type { Codec } from '../codec.js';
import { compressInBlocks } from '../gzip/compress-blocks.js';
import { gzip } from '../gzip/gzip.js';

/** gzip on several threads. What it writes is read as any gzip file. */
export const pigz: Codec = {
  ...gzip,
  name: 'pigz',
  threaded: true,
  compress: (options) => compressInBlocks(options),
};
