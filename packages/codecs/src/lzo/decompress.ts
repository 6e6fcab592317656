import { ArchiveError, ByteReader, debugLog, type Stage, stageOf } from '@vzdump-format/streams';
import { BufferPool, chunkOf } from '../buffers.js';
import type { DecompressOptions } from '../codec.js';
import { defaultReadThreads } from '../options.js';
import { OrderedQueue } from '../ordered-queue.js';
import { type Delayed, readToError } from '../read-to-error.js';
import { type SharedMemory, sharedMemory } from '../shared-memory.js';
import { type Batch, inBatches, readBlocks } from './batches.js';
import { BLOCK_SIZE } from './format.js';
import type { LzoResult } from './jobs.js';
import { LzoThreads } from './threads.js';

/** A message to a worker is paid for by so much data. */
const JOB_SIZE = 4 * BLOCK_SIZE;
const MAX_BYTES_UNDER_WAY = 64 * 1024 * 1024;

/** All members, one after the other. */
export function decompressLzo(options: DecompressOptions = {}): Stage {
  const threads = defaultReadThreads(options.threads);
  return stageOf(async function* unlzoped(source) {
    debugLog('lzo by wasm');
    debugLog('lzo: decompressing, threads: %d', threads);
    const reader = new ByteReader(source);
    const decompressor = new Decompressor(threads, options);
    try {
      const batches = inBatches(readBlocks(reader, { onWarning: options.onWarning }), decompressor.buffers);
      yield* readToError(batches, decompressor);
    } finally {
      decompressor.close();
      await reader.close();
    }
  }, options.signal);
}

interface Outcome extends LzoResult {
  readonly batch: Batch;
  readonly output: SharedMemory;
}

class Decompressor implements Delayed<Batch> {
  readonly buffers = new BufferPool(JOB_SIZE);
  private readonly workers: LzoThreads;
  private readonly queue: OrderedQueue<Outcome>;

  constructor(
    threads: number,
    private readonly options: DecompressOptions,
  ) {
    this.workers = new LzoThreads(threads, options.signal);
    this.queue = new OrderedQueue({ tasks: threads + 2, bytes: MAX_BYTES_UNDER_WAY });
  }

  async *push(batch: Batch): AsyncGenerator<Uint8Array> {
    this.options.signal?.throwIfAborted();
    this.queue.push(this.run(batch), 2 * batch.input.length);
    while (this.queue.full) yield* this.deliver(await this.queue.next());
  }

  async *rest(): AsyncGenerator<Uint8Array> {
    while (!this.queue.empty) yield* this.deliver(await this.queue.next());
  }

  close(): void {
    this.workers.close();
  }

  private async run(batch: Batch): Promise<Outcome> {
    const { input, blocks, contentLength } = batch;
    const output = contentLength > JOB_SIZE ? sharedMemory(contentLength) : this.buffers.take();
    const result = await this.workers.run({ kind: 'decompress', input, blocks, output }, contentLength);
    return { batch, output, ...result };
  }

  private async *deliver({ batch, output, length, damage }: Outcome): AsyncGenerator<Uint8Array> {
    this.buffers.give(batch.input);
    if (length > 0) yield chunkOf(output, length, this.options.reuseBuffers);
    this.buffers.give(output);
    if (damage !== undefined) throw blockDamage(damage, batch);
  }
}

/** @param base where the offsets of the batch count from. */
export function blockDamage(damage: NonNullable<LzoResult['damage']>, batch: Batch, base = 0): ArchiveError {
  return new ArchiveError(damage.code, damage.what, { offset: base + batch.offsets[damage.block]! });
}
