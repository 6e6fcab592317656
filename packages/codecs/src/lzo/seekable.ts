import { ByteReader, type ByteSource, debugLog, readChunks } from '@vzdump-format/streams';
import { BufferPool } from '../buffers.js';
import type { SeekableOptions } from '../codec.js';
import type { SegmentDecoder } from '../seekable/segmented-source.js';
import type { Segment } from '../seekable/segments.js';
import { sharedMemory } from '../shared-memory.js';
import { type FoundBlock, inBatches, readBlock, readBlocks } from './batches.js';
import { blockDamage } from './decompress.js';
import { BLOCK_SIZE } from './format.js';
import { runLzoJob } from './jobs.js';

/** Blocks are put together up to this, so that the list stays short. */
const SEGMENT_SIZE = 4 * BLOCK_SIZE;

/** A block's header, and where blocks are small the next ones. */
const HEADER_CHUNK = 16 * 1024;

/** Finds the blocks by their headers, which alone are read. */
export async function scanLzop(source: ByteSource, options: SeekableOptions = {}): Promise<Segment[]> {
  const { signal } = options;
  const segments: Segment[] = [];
  const reader = new ByteReader(
    readChunks(source, { chunkSize: HEADER_CHUNK, readAhead: 0, reuseBuffers: true, signal }),
  );
  const blocks = readBlocks(reader, { onWarning: options.onWarning, headersOnly: true });
  let expected = -1;
  for await (const { offset, size, contentLength, flags } of blocks) {
    const last = segments.at(-1);
    if (last !== undefined && offset === expected && last.contentSize + contentLength <= SEGMENT_SIZE) {
      const contentSize = last.contentSize + contentLength;
      segments[segments.length - 1] = { ...last, size: offset + size - last.offset, contentSize };
    } else segments.push({ offset, size, contentSize: contentLength, state: flags });
    expected = offset + size; // another member's header may come in between
  }
  debugLog('lzo: seekable by its block headers, %d parts', segments.length);
  return segments;
}

/** Decompresses blocks on the main thread: a MiB takes some milliseconds. */
export const decodeLzopSegment: SegmentDecoder = async (compressed, { offset, state }) => {
  const parts: Uint8Array[] = [];
  for await (const batch of inBatches(blocksOf(compressed, state), new BufferPool(SEGMENT_SIZE))) {
    const { input, blocks, contentLength } = batch;
    const output = sharedMemory(contentLength);
    const { damage } = runLzoJob({ kind: 'decompress', input, blocks, output });
    if (damage !== undefined) throw blockDamage(damage, batch, offset);
    parts.push(output);
  }
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
};

async function* blocksOf(compressed: Uint8Array, flags: number): AsyncGenerator<FoundBlock> {
  async function* bytes() {
    yield compressed;
  }
  const reader = new ByteReader(bytes());
  while (!(await reader.atEnd())) {
    const block = await readBlock(reader, { flags });
    if (block === undefined) return;
    yield block;
  }
}
