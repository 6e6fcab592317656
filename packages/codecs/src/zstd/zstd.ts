import type { Codec } from '../codec.js';
import { encodeIndex } from '../seekable/index-file.js';
import { openIndex, openSegments } from '../seekable/segmented-source.js';
import { compressZstd, ZSTD_LEVELS } from './compress.js';
import { decompressZstd } from './decompress.js';
import { loadEngine } from './engines.js';
import { ZSTD_MAGICS } from './format.js';
import { zstdSegmentDecoder, zstdSegments } from './seekable.js';

/** RFC 8878, as `zstd` writes and reads it. */
export const zstd: Codec = {
  name: 'zstd',
  extensions: ['.zst'],
  magic: ZSTD_MAGICS,
  isIdentity: false,
  levels: ZSTD_LEVELS,
  threaded: true,
  canCompress: true,
  async engine() {
    const { name, version } = await loadEngine();
    return { name, version };
  },
  compress: compressZstd,
  decompress: decompressZstd,
  async openSeekable(source, options = {}) {
    const index = await openIndex(source, 'zstd', options);
    const segments = index?.segments ?? (await zstdSegments(source));
    const decoder = await zstdSegmentDecoder(options, index === undefined);
    return openSegments(source, segments, decoder, options, index);
  },
  async *buildIndex(source, options) {
    const { scanZstd } = await import('./checkpoints/scan.js');
    yield* encodeIndex(source, 'zstd', scanZstd, options);
  },
};
