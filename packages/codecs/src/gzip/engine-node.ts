import type { Transform } from 'node:stream';
import { DEFLATE_MEMORY, type DeflateEngine, InflateError } from './engine.js';

const { constants, crc32, createDeflateRaw, createInflateRaw, deflateRaw } =
  process.getBuiltinModule('node:zlib');

/** How much output a call into the thread pool makes: with node:zlib's own 16 KiB, it is a fifth slower. */
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

type ZlibStream = Transform & { readonly bytesWritten: number };

/**
 * Runs chunks through a node:zlib stream, which works on the thread pool. Each input chunk is given back to
 * its owner (the next is asked for) only when zlib has taken it in. When zlib finds its end before the source
 * does, `onRest` gets what is left of the last chunk, and the source stays open.
 */
export async function* throughZlib(
  zlib: ZlibStream,
  source: AsyncIterator<Uint8Array>,
  onRest?: (rest: Uint8Array) => void,
): AsyncGenerator<Uint8Array> {
  const feeding = feed(zlib, source, onRest);
  try {
    for await (const chunk of zlib) yield chunk as Uint8Array;
  } finally {
    zlib.destroy();
    await feeding;
  }
}

async function feed(
  zlib: ZlibStream,
  source: AsyncIterator<Uint8Array>,
  onRest: ((rest: Uint8Array) => void) | undefined,
): Promise<void> {
  let wake = () => {};
  zlib.once('close', () => wake());
  try {
    while (!zlib.destroyed) {
      const next = await source.next();
      if (zlib.destroyed) return;
      if (next.done) {
        zlib.end();
        return;
      }
      const before = zlib.bytesWritten;
      await new Promise<void>((resolve) => {
        wake = resolve; // zlib does not call back for a chunk in which it found its end
        zlib.write(next.value, () => resolve());
      });
      const taken = zlib.bytesWritten - before;
      if (taken < next.value.length) {
        onRest?.(next.value.subarray(taken));
        return;
      }
    }
  } catch (error) {
    zlib.destroy(error as Error);
  }
}
