import { mapOrdered, type Stage } from '@vzdump-format/streams';
import { BufferPool } from '../buffers.js';
import type { CompressOptions } from '../codec.js';
import { checkedLevel, checkedThreads } from '../options.js';
import { Slots } from '../slots.js';
import { BLOCK_BUFFER_SIZE, cutBlocks, type DictionaryBlock } from './content-blocks.js';
import { checkedDeflateEngine, loadDeflateEngine } from './engine.js';
import { GZIP_LEVELS } from './format.js';
import { encodeMemberHeader, encodeTrailer } from './member.js';

/** An empty last block with fixed codes (RFC 1951, 3.2.3), behind blocks none of which is the last. */
const LAST_BLOCK = Uint8Array.of(0x03, 0x00);

/** How many blocks for each thread wait or are done while an earlier one, which takes longer, is not. */
const BLOCKS_AHEAD = 4;

/**
 * One member of blocks that are compressed side by side, each with the 32 KiB before it as dictionary, and
 * that end on a byte boundary each. The bytes do not depend on the number of threads.
 */
export function compressInBlocks(options: CompressOptions = {}): Stage {
  const level = checkedLevel('gzip', GZIP_LEVELS, options.level);
  const threads = checkedThreads(options.threads);
  const engineName = checkedDeflateEngine(options.engine);
  return async function* compressed(source) {
    const engine = await loadDeflateEngine(engineName);
    const pool = new BufferPool(BLOCK_BUFFER_SIZE);
    const slots = new Slots(threads + 1);
    let crc = 0;
    let length = 0;
    const compress = async (block: DictionaryBlock) => {
      const content = contentOf(block);
      crc = engine.crc32(content, crc); // blocks come here in order
      length += content.length;
      return {
        block,
        bytes: await slots.run(() => engine.deflateBlock(content, dictionaryOf(block), level)),
      };
    };
    yield encodeMemberHeader(level);
    const blocks = cutBlocks(source, pool, options.rsyncable ?? false);
    for await (const { block, bytes } of mapOrdered(blocks, BLOCKS_AHEAD * threads, compress)) {
      options.signal?.throwIfAborted();
      pool.give(block.buffer);
      yield bytes;
    }
    yield LAST_BLOCK.slice();
    yield encodeTrailer(crc, length);
  };
}

function dictionaryOf({ buffer, dictionaryLength }: DictionaryBlock): Uint8Array {
  return buffer.subarray(0, dictionaryLength);
}

function contentOf({ buffer, dictionaryLength, length }: DictionaryBlock): Uint8Array {
  return buffer.subarray(dictionaryLength, dictionaryLength + length);
}
