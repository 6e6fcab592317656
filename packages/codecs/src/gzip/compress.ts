import { createGzip } from 'node:zlib';
import type { Stage } from '@vzdump-format/streams';
import type { CompressOptions, LevelRange } from '../codec.js';
import { checkedLevel } from '../options.js';
import { throughZlib } from './zlib-stage.js';

/** As `gzip -1` … `gzip -9`. */
export const GZIP_LEVELS: LevelRange = { min: 1, max: 9, default: 6 };

/** A call into the thread pool is paid for every so many bytes of output; the 16 KiB of node:zlib cost a fifth. */
const OUTPUT_SIZE = 256 * 1024;

/** One gzip member with neither name nor time, so that the same input gives the same bytes. */
export function compressGzip(options: CompressOptions = {}): Stage {
  const level = checkedLevel('gzip', GZIP_LEVELS, options.level);
  return async function* gzipped(source) {
    const gzip = createGzip({ level, chunkSize: OUTPUT_SIZE });
    const chunks = source[Symbol.asyncIterator]();
    try {
      for await (const chunk of throughZlib(gzip, chunks)) {
        options.signal?.throwIfAborted();
        yield chunk;
      }
    } finally {
      await chunks.return?.();
    }
  };
}
