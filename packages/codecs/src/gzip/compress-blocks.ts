import { allZero, debugLog, mapOrdered, type Stage, stageOf } from '@vzdump-format/streams';
import { BufferPool } from '../buffers.js';
import { type CompressOptions, checkedLevel, checkedThreads } from '../codec.js';
import { Semaphore } from '../concurrency.js';
import { copyTo, type SharedMemory } from '../shared-memory.js';
import type { DeflateEngine } from './engine.js';
import { checkedDeflateEngine, loadDeflateEngine } from './engines.js';
import { encodeMemberHeader, encodeTrailer, GZIP_LEVELS, WINDOW_SIZE } from './format.js';
import { isNoise, storedBlocks } from './noise.js';

/** An empty last block with fixed codes (RFC 1951, 3.2.3), behind blocks none of which is the last. */
const LAST_BLOCK = Uint8Array.of(0x03, 0x00);

/** How many blocks for each thread wait or are done while an earlier one, which takes longer, is not. */
const BLOCKS_AHEAD = 4;

/**
 * One member of blocks that are compressed side by side, each with the 32 KiB before it as dictionary, and
 * that end on a byte boundary each. The bytes do not depend on the number of threads.
 * @param codec the name that the debug log has for it.
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

/** Compresses blocks, and spares the engine zeros and noise, of which it is known what becomes. */
class BlockCompressor {
  private readonly semaphore: Semaphore;
  private zeros: { readonly lengths: string; readonly bytes: Promise<Uint8Array> } | undefined;

  constructor(
    private readonly engine: DeflateEngine,
    private readonly level: number,
    threads: number,
  ) {
    this.semaphore = new Semaphore(threads + 1);
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
    return this.semaphore.run(() => this.engine.deflateBlock(content, dictionary, this.level));
  }
}

function dictionaryOf({ buffer, dictionaryLength }: DictionaryBlock): Uint8Array {
  return buffer.subarray(0, dictionaryLength);
}

function contentOf({ buffer, dictionaryLength, length }: DictionaryBlock): Uint8Array {
  return buffer.subarray(dictionaryLength, dictionaryLength + length);
}

const BLOCK_SIZE = 128 * 1024;

/** Where blocks end by content: the sum of so many bytes … */
const SUM_WINDOW = 4096;
/** … is a multiple of this power of two, once in 64 KiB on average. */
const SUM_MULTIPLE = 64 * 1024;
/** Below, an end is not looked for: zeros would end a block at every byte. */
const MIN_CONTENT_BLOCK = 16 * 1024;

/** A block in a buffer, behind what came just before it. */
interface DictionaryBlock {
  readonly buffer: SharedMemory;
  readonly dictionaryLength: number;
  readonly length: number;
}

/** The size of the buffers that `cutBlocks` needs. */
const BLOCK_BUFFER_SIZE = WINDOW_SIZE + BLOCK_SIZE;

/**
 * Cuts a stream into blocks of 128 KiB; when `byContent`, into shorter ones that end where the content says
 * so, whatever comes before, as `gzip --rsyncable` does: after a change, blocks soon begin at the same bytes
 * as they would have without it.
 */
async function* cutBlocks(
  source: AsyncIterable<Uint8Array>,
  pool: BufferPool,
  byContent: boolean,
): AsyncGenerator<DictionaryBlock> {
  let block = new BlockBuilder(pool.take(), 0);
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length; ) {
      at += block.add(chunk.subarray(at), byContent);
      if (!block.complete) continue;
      yield block;
      block = block.next(pool.take());
    }
  }
  if (block.length > 0) yield block;
}

class BlockBuilder implements DictionaryBlock {
  length = 0;
  complete = false;
  private sum = 0;

  constructor(
    readonly buffer: SharedMemory,
    readonly dictionaryLength: number,
  ) {}

  /** Takes bytes up to the end of the block. @returns how many. */
  add(bytes: Uint8Array, byContent: boolean): number {
    const part = bytes.subarray(0, BLOCK_SIZE - this.length);
    copyTo(this.buffer, part, this.dictionaryLength + this.length);
    const taken = byContent ? this.findEnd(part.length) : part.length;
    this.length += taken;
    this.complete ||= this.length === BLOCK_SIZE;
    return taken;
  }

  /** A builder in `buffer` that begins with the end of this one. */
  next(buffer: SharedMemory): BlockBuilder {
    const end = this.dictionaryLength + this.length;
    const start = Math.max(0, end - WINDOW_SIZE);
    copyTo(buffer, this.buffer.subarray(start, end), 0);
    return new BlockBuilder(buffer, end - start);
  }

  /** Looks at the bytes that were added, up to the end that the content sets. @returns how many that are. */
  private findEnd(added: number): number {
    const { buffer } = this;
    const start = this.dictionaryLength;
    const end = start + this.length + added;
    let { sum } = this;
    for (let at = start + this.length; at < end; at++) {
      sum += buffer[at]!;
      if (at - start >= SUM_WINDOW) sum -= buffer[at - SUM_WINDOW]!;
      if ((sum & (SUM_MULTIPLE - 1)) === 0 && at - start >= MIN_CONTENT_BLOCK) {
        this.complete = true;
        return at + 1 - start - this.length;
      }
    }
    this.sum = sum;
    return added;
  }
}
