import { EventLoopTurns } from '@vzdump-format/streams';
import { Deflate, Inflate } from 'pako';
import { plainCrc32 } from '../crc32.js';
import { DEFLATE_MEMORY, type DeflateEngine, InflateError } from './engine.js';

const Z_NO_FLUSH = 0;
const Z_SYNC_FLUSH = 2;
const Z_FINISH = 4;
const Z_OK = 0;
const OUTPUT_SIZE = 64 * 1024;
/** So little goes in at a time that the event loop is kept waiting for some milliseconds at most. */
const INPUT_SIZE = 64 * 1024;

/** pako, in plain JavaScript: for runtimes without node:zlib, and as the peer in tests. A fifth as fast. */
export const jsEngine: DeflateEngine = {
  name: 'js',
  crc32: plainCrc32,
  async *deflate(source, level) {
    const deflate = new Deflate({ level, memLevel: DEFLATE_MEMORY, raw: true, chunkSize: OUTPUT_SIZE });
    const output = collected(deflate);
    const turns = new EventLoopTurns();
    for (let next = await source.next(); !next.done; next = await source.next()) {
      for (let at = 0; at < next.value.length; at += INPUT_SIZE) {
        deflate.push(next.value.subarray(at, at + INPUT_SIZE), Z_NO_FLUSH);
        yield* output.splice(0);
        await turns.turn();
      }
    }
    deflate.push(new Uint8Array(0), Z_FINISH);
    yield* output.splice(0);
  },
  async deflateBlock(content, dictionary, level) {
    const deflate = new Deflate({
      level,
      memLevel: DEFLATE_MEMORY,
      raw: true,
      chunkSize: content.length + 1024,
      ...(dictionary.length > 0 ? { dictionary } : {}),
    });
    const output = collected(deflate);
    deflate.push(content, Z_SYNC_FLUSH);
    return Buffer.concat(output);
  },
  async *inflate(source, onRest) {
    const inflate = new Inflate({ raw: true, chunkSize: OUTPUT_SIZE });
    const output = collected(inflate);
    const turns = new EventLoopTurns();
    let taken = 0;
    for (let next = await source.next(); !next.done; next = await source.next()) {
      const chunk = next.value;
      for (let at = 0; at < chunk.length; at += INPUT_SIZE) {
        const piece = chunk.subarray(at, at + INPUT_SIZE);
        inflate.push(piece, Z_NO_FLUSH);
        if (inflate.err !== Z_OK) throw new InflateError('damaged', inflate.msg, taken);
        yield* output.splice(0);
        taken += piece.length;
        if (inflate.ended) {
          const left = (inflate as unknown as { strm: { avail_in: number } }).strm.avail_in;
          return onRest(chunk.subarray(at + piece.length - left));
        }
        await turns.turn();
      }
    }
    throw new InflateError('truncated', 'unexpected end', taken);
  },
};

/** What a pako stream gives out, instead of being kept for its end. */
function collected(stream: Deflate | Inflate): Uint8Array[] {
  const output: Uint8Array[] = [];
  stream.onData = (chunk) => output.push(chunk);
  stream.onEnd = () => {};
  return output;
}
