import {
  ArchiveError,
  ByteReader,
  type ByteSource,
  debugLog,
  readChunks,
  type Stage,
  stageOf,
} from '@vzdump-format/streams';
import { BufferPool } from '../buffers.js';
import { type DecompressOptions, defaultReadThreads, type SeekableOptions } from '../codec.js';
import { decodeInOrder, type ItemDecoder } from '../concurrency.js';
import type { SegmentDecoder } from '../seekable/segmented-source.js';
import type { Segment } from '../seekable/segments.js';
import { type SharedMemory, sharedMemory } from '../shared-memory.js';
import { type Batch, type FoundBlock, inBatches, readBlock, readBlocks } from './batches.js';
import { BLOCK_SIZE } from './format.js';
import { JOB_SIZE, type LzoResult, LzoThreads, runLzoJob } from './jobs.js';

/** All members, one after the other. */
export function decompressLzo(options: DecompressOptions = {}): Stage {
  const threads = defaultReadThreads(options.threads);
  return stageOf(async function* unlzoped(source) {
    debugLog('lzo by wasm');
    debugLog('lzo: decompressing, threads: %d', threads);
    const reader = new ByteReader(source);
    const decoder = new BatchDecoder(threads, options.signal);
    try {
      const batches = inBatches(readBlocks(reader, { onWarning: options.onWarning }), decoder.buffers);
      yield* decodeInOrder(batches, decoder);
    } finally {
      decoder.close();
      await reader.close();
    }
  }, options.signal);
}

interface Outcome extends LzoResult {
  readonly batch: Batch;
  readonly output: SharedMemory;
}

class BatchDecoder implements ItemDecoder<Batch, Outcome> {
  readonly buffers = new BufferPool(JOB_SIZE);
  readonly tasks: number;
  private readonly workers: LzoThreads;

  constructor(threads: number, signal: AbortSignal | undefined) {
    this.workers = new LzoThreads(threads, signal);
    this.tasks = threads + 2;
  }

  close(): void {
    this.workers.close();
  }

  sizeOf({ input }: Batch): number {
    return 2 * input.length;
  }

  async decode(batch: Batch): Promise<Outcome> {
    const { input, blocks, contentLength } = batch;
    const output = contentLength > JOB_SIZE ? sharedMemory(contentLength) : this.buffers.take();
    const result = await this.workers.run({ kind: 'decompress', input, blocks, output }, contentLength);
    return { batch, output, ...result };
  }

  *deliver({ batch, output, length, damage }: Outcome): Generator<Uint8Array> {
    this.buffers.give(batch.input);
    if (length > 0) yield output.subarray(0, length);
    this.buffers.give(output);
    if (damage !== undefined) throw blockDamage(damage, batch);
  }
}

/** @param base where the offsets of the batch count from. */
function blockDamage(damage: NonNullable<LzoResult['damage']>, batch: Batch, base = 0): ArchiveError {
  return new ArchiveError(damage.code, damage.what, { offset: base + batch.offsets[damage.block]! });
}

/** Blocks are put together up to this, so that the list stays short. */
const SEGMENT_SIZE = 4 * BLOCK_SIZE;

/** A block's header, and where blocks are small the next ones. */
const HEADER_CHUNK = 16 * 1024;

/** Finds the blocks by their headers, which alone are read. */
export async function scanLzop(source: ByteSource, options: SeekableOptions = {}): Promise<Segment[]> {
  const { signal } = options;
  const segments: Segment[] = [];
  const reader = new ByteReader(readChunks(source, { chunkSize: HEADER_CHUNK, readAhead: 0, signal }));
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
async function decodeLzopSegment(compressed: Uint8Array, { offset, state }: Segment): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const batch of inBatches(blocksOf(compressed, state), new BufferPool(SEGMENT_SIZE))) {
    const { input, blocks, contentLength } = batch;
    const output = sharedMemory(contentLength);
    const { damage } = runLzoJob({ kind: 'decompress', input, blocks, output });
    if (damage !== undefined) throw blockDamage(damage, batch, offset);
    parts.push(output);
  }
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
}

export const lzopSegmentDecoder: SegmentDecoder = {
  decode: decodeLzopSegment,
  mismatch: ({ offset }) =>
    new ArchiveError('LZOP_BLOCK', 'the lzop data is not what it was when its index was made', { offset }),
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
