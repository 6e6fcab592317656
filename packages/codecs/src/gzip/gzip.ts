import type { Codec } from '../codec.js';
import { encodeIndex } from '../seekable/index-file.js';
import { HINT_INDEX, notSeekable } from '../seekable/not-seekable.js';
import { indexedSegments, openSegments } from '../seekable/open.js';
import { compressGzip } from './compress.js';
import { decompressGzip } from './decompress.js';
import { GZIP_LEVELS, MAGIC } from './format.js';

/** RFC 1952, as `gzip` writes and reads it. */
export const gzip: Codec = {
  name: 'gzip',
  extensions: ['.gz', '.tgz'],
  magic: [MAGIC],
  isIdentity: false,
  levels: GZIP_LEVELS,
  threaded: false,
  canCompress: true,
  engine: async () => ({ name: 'node', version: process.versions.zlib }),
  compress: compressGzip,
  decompress: decompressGzip,
  async openSeekable(source, options = {}) {
    const segments = await indexedSegments(source, 'gzip', options);
    if (segments === undefined) throw notSeekable('a gzip file tells nothing of its blocks', HINT_INDEX);
    const { decodeGzipSegment } = await loadSeekable();
    return openSegments(source, segments, decodeGzipSegment, options);
  },
  async buildIndex(source, options) {
    const { scanGzip } = await loadSeekable();
    return encodeIndex(source, { codec: 'gzip', segments: await scanGzip(source, options) });
  },
};

/** Loaded when it is needed: it brings an inflater of its own along. */
function loadSeekable(): Promise<typeof import('./seekable.js')> {
  return import('./seekable.js');
}
