import { DEFLATE_MEMORY, type DeflateEngine, InflateError } from './engine.js';
import { throughZlib } from './zlib-stage.js';

const { constants, crc32, createDeflateRaw, createInflateRaw, deflateRaw } =
  process.getBuiltinModule('node:zlib');

/**
 * A call into the thread pool is paid for every so many bytes of output; the 16 KiB of node:zlib cost a
 * fifth.
 */
const DEFLATED_SIZE = 256 * 1024;
const INFLATED_SIZE = 1024 * 1024;

/** node:zlib, which works on Node's thread pool. */
export const nodeEngine: DeflateEngine = {
  name: 'node',
  crc32,
  deflate: (source, level) =>
    throughZlib(createDeflateRaw({ level, memLevel: DEFLATE_MEMORY, chunkSize: DEFLATED_SIZE }), source),
  deflateBlock(content, dictionary, level) {
    const options = {
      level,
      memLevel: DEFLATE_MEMORY,
      finishFlush: constants.Z_SYNC_FLUSH,
      chunkSize: content.length + 1024, // so that it is one call in most cases
      ...(dictionary.length > 0 ? { dictionary } : {}),
    };
    return new Promise((resolve, reject) => {
      deflateRaw(content, options, (error, block) => (error ? reject(error) : resolve(block)));
    });
  },
  async *inflate(source, onRest) {
    const zlib = createInflateRaw({ chunkSize: INFLATED_SIZE });
    try {
      yield* throughZlib(zlib, source, onRest);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code === 'Z_BUF_ERROR') throw new InflateError('truncated', message, zlib.bytesWritten);
      if (code === 'Z_DATA_ERROR') throw new InflateError('damaged', message, zlib.bytesWritten);
      throw error;
    }
  },
};
