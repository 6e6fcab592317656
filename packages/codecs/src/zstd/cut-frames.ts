import type { Boundaries } from '@vzdump-format/streams';
import type { BufferPool, FilledBuffer } from '../buffers.js';
import { copyTo } from '../shared-memory.js';

/**
 * Cuts a stream into the contents of frames: at each boundary, and where a frame has reached the size of a
 * buffer of the pool.
 */
export async function* cutFrames(
  source: AsyncIterable<Uint8Array>,
  pool: BufferPool,
  boundaries?: Boundaries,
): AsyncGenerator<FilledBuffer> {
  let begin = 0;
  let buffer = pool.take();
  let length = 0;
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length; ) {
      const boundary = boundaries?.after(begin);
      const end = Math.min(pool.size, boundary === undefined ? pool.size : boundary - begin);
      if (length === end) {
        yield { buffer, length };
        begin += length;
        buffer = pool.take();
        length = 0;
        continue;
      }
      const part = chunk.subarray(at, at + end - length);
      copyTo(buffer, part, length);
      length += part.length;
      at += part.length;
    }
  }
  if (length > 0) yield { buffer, length };
}
