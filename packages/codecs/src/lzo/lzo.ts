import type { Codec } from '../codec.js';
import { encodeIndex } from '../seekable/index-file.js';
import { indexedSegments, openSegments } from '../seekable/open.js';
import { compressLzo, LZO_LEVELS } from './compress.js';
import { decompressLzo } from './decompress.js';
import { MAGIC } from './format.js';
import { decodeLzopSegment, scanLzop } from './seekable.js';

/** The file format of `lzop`, with LZO1X inside. */
export const lzo: Codec = {
  name: 'lzo',
  extensions: ['.lzo'],
  magic: [MAGIC],
  isIdentity: false,
  levels: LZO_LEVELS,
  threaded: true,
  canCompress: true,
  engine: async () => ({ name: 'wasm' }),
  compress: compressLzo,
  decompress: decompressLzo,
  async openSeekable(source, options = {}) {
    const segments = (await indexedSegments(source, 'lzo', options)) ?? (await scanLzop(source, options));
    return openSegments(source, segments, decodeLzopSegment, options);
  },
  async buildIndex(source, options) {
    return encodeIndex(source, { codec: 'lzo', segments: await scanLzop(source, options) });
  },
};
