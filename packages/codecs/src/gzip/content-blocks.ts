import type { BufferPool } from '../buffers.js';
import { copyTo, type SharedMemory } from '../shared-memory.js';
import { WINDOW_SIZE } from './format.js';

export const BLOCK_SIZE = 128 * 1024;

/** Where blocks end by content: the sum of so many bytes … */
const SUM_WINDOW = 4096;
/** … is a multiple of this power of two, once in 64 KiB on average. */
const SUM_MULTIPLE = 64 * 1024;
/** Below, an end is not looked for: zeros would end a block at every byte. */
const MIN_CONTENT_BLOCK = 16 * 1024;

/** A block in a buffer, behind what came just before it. */
export interface DictionaryBlock {
  readonly buffer: SharedMemory;
  readonly dictionaryLength: number;
  readonly length: number;
}

/** The size of the buffers that `cutBlocks` needs. */
export const BLOCK_BUFFER_SIZE = WINDOW_SIZE + BLOCK_SIZE;

/**
 * Cuts a stream into blocks of 128 KiB; when `byContent`, into shorter ones that end where the content says
 * so, whatever comes before, as `gzip --rsyncable` does: after a change, blocks soon begin at the same bytes
 * as they would have without it.
 */
export async function* cutBlocks(
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
