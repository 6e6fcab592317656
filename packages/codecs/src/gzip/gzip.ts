import { debugLog, type Stage, stageOf } from '@vzdump-format/streams';
import { type Codec, type CompressOptions, checkedLevel } from '../codec.js';
import { encodeIndex } from '../seekable/index-file.js';
import { openIndex, openSegments } from '../seekable/segmented-source.js';
import { HINT_INDEX, notSeekable } from '../seekable/segments.js';
import { compressInBlocks } from './compress-blocks.js';
import { decompressGzip } from './decompress.js';
import type { DeflateEngine } from './engine.js';
import { checkedDeflateEngine, loadDeflateEngine } from './engines.js';
import { encodeMemberHeader, encodeTrailer, GZIP_LEVELS, MAGIC } from './format.js';

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
    const index = await openIndex(source, 'gzip', options);
    if (index === undefined) throw notSeekable('a gzip file tells nothing of its blocks', HINT_INDEX);
    const { gzipSegmentDecoder } = await loadSeekable();
    return openSegments(source, index.segments, gzipSegmentDecoder(options), options, index);
  },
  async *buildIndex(source, options) {
    const { scanGzip } = await loadSeekable();
    yield* encodeIndex(source, 'gzip', scanGzip, options);
  },
};

/** Loaded when it is needed: it brings an inflater of its own along. */
function loadSeekable(): Promise<typeof import('./seekable.js')> {
  return import('./seekable.js');
}

/** gzip on several threads. What it writes is read as any gzip file. */
export const pigz: Codec = {
  ...gzip,
  name: 'pigz',
  threaded: true,
  compress: (options) => compressInBlocks(options),
};

/** One member of one deflate stream; with `rsyncable`, of blocks that end by content. */
function compressGzip(options: CompressOptions = {}): Stage {
  if (options.rsyncable) return compressInBlocks({ ...options, threads: 1 }, 'gzip');
  const level = checkedLevel('gzip', GZIP_LEVELS, options.level);
  const engineName = checkedDeflateEngine(options.engine);
  return stageOf(async function* gzipped(source) {
    const engine = await loadDeflateEngine(engineName);
    debugLog('gzip: compressing, threads: 1');
    const sums = new Sums(engine);
    const chunks = sums.passed(source);
    try {
      yield encodeMemberHeader(level);
      for await (const chunk of engine.deflate(chunks, level)) {
        options.signal?.throwIfAborted();
        yield chunk;
      }
      yield encodeTrailer(sums.crc, sums.length);
    } finally {
      await chunks.return(undefined);
    }
  }, options.signal);
}

/** Checksum and length of what passes. */
class Sums {
  crc = 0;
  length = 0;

  constructor(private readonly engine: DeflateEngine) {}

  async *passed(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of source) {
      if (chunk.length === 0) continue; // node:zlib may take no bytes for a fresh start
      this.crc = this.engine.crc32(chunk, this.crc);
      this.length += chunk.length;
      yield chunk;
    }
  }
}
