import { debugLog, mapOrdered, type Stage, stageOf } from '@vzdump-format/streams';
import { BufferPool } from '../buffers.js';
import type { CompressOptions } from '../codec.js';
import { checkedLevel, checkedThreads } from '../options.js';
import { Semaphore } from '../semaphore.js';
import { allZero } from '../zeros.js';
import { BLOCK_BUFFER_SIZE, cutBlocks, type DictionaryBlock } from './content-blocks.js';
import type { DeflateEngine } from './engine.js';
import { checkedDeflateEngine, loadDeflateEngine } from './engines.js';
import { GZIP_LEVELS } from './format.js';
import { encodeMemberHeader, encodeTrailer } from './member.js';
import { isNoise } from './noise.js';
import { storedBlocks } from './stored-blocks.js';

/** An empty last block with fixed codes (RFC 1951, 3.2.3), behind blocks none of which is the last. */
const LAST_BLOCK = Uint8Array.of(0x03, 0x00);

/** How many blocks for each thread wait or are done while an earlier one, which takes longer, is not. */
const BLOCKS_AHEAD = 4;

/**
 * One member of blocks that are compressed side by side, each with the 32 KiB before it as dictionary, and
 * that end on a byte boundary each. The bytes do not depend on the number of threads.
 * @param codec by whose name it is told of.
 */
export function compressInBlocks(options: CompressOptions = {}, codec = 'pigz'): Stage {
  const level = checkedLevel('gzip', GZIP_LEVELS, options.level);
  const threads = checkedThreads(options.threads);
  const engineName = checkedDeflateEngine(options.engine);
  return stageOf(async function* compressed(source) {
    const engine = await loadDeflateEngine(engineName, codec);
    debugLog('%s: compressing, threads: %d, blocks of at most 128 KiB', codec, threads);
    const pool = new BufferPool(BLOCK_BUFFER_SIZE);
    const compressor = new BlockCompressor(engine, level, threads);
    let crc = 0;
    let length = 0;
    const compress = async (block: DictionaryBlock) => {
      const content = contentOf(block);
      crc = engine.crc32(content, crc); // blocks come here in order
      length += content.length;
      return { block, bytes: await compressor.compress(content, dictionaryOf(block)) };
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
  }, options.signal);
}

/** Compresses blocks, and spares the engine those of which it is known what becomes of them. */
class BlockCompressor {
  private readonly slots: Semaphore;
  private zeros: { readonly lengths: string; readonly bytes: Promise<Uint8Array> } | undefined;

  constructor(
    private readonly engine: DeflateEngine,
    private readonly level: number,
    threads: number,
  ) {
    this.slots = new Semaphore(threads + 1);
  }

  async compress(content: Uint8Array, dictionary: Uint8Array): Promise<Uint8Array> {
    if (allZero(content) && allZero(dictionary)) return (await this.zeroBlock(content, dictionary)).slice();
    if (isNoise(content, dictionary)) return storedBlocks(content);
    return this.deflate(content, dictionary);
  }

  /** Most of many disks is zeros, and the engine always makes the same of them. */
  private zeroBlock(content: Uint8Array, dictionary: Uint8Array): Promise<Uint8Array> {
    const lengths = `${content.length} behind ${dictionary.length}`;
    if (this.zeros?.lengths !== lengths) this.zeros = { lengths, bytes: this.deflate(content, dictionary) };
    return this.zeros.bytes;
  }

  private deflate(content: Uint8Array, dictionary: Uint8Array): Promise<Uint8Array> {
    return this.slots.run(() => this.engine.deflateBlock(content, dictionary, this.level));
  }
}

function dictionaryOf({ buffer, dictionaryLength }: DictionaryBlock): Uint8Array {
  return buffer.subarray(0, dictionaryLength);
}

function contentOf({ buffer, dictionaryLength, length }: DictionaryBlock): Uint8Array {
  return buffer.subarray(dictionaryLength, dictionaryLength + length);
}
