import { debugLog, type Stage, stageOf } from '@vzdump-format/streams';
import type { CompressOptions } from '../codec.js';
import { checkedLevel } from '../options.js';
import { compressInBlocks } from './compress-blocks.js';
import type { DeflateEngine } from './engine.js';
import { checkedDeflateEngine, loadDeflateEngine } from './engines.js';
import { GZIP_LEVELS } from './format.js';
import { encodeMemberHeader, encodeTrailer } from './member.js';

/** One member of one deflate stream; with `rsyncable`, of blocks that end by content. */
export function compressGzip(options: CompressOptions = {}): Stage {
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
