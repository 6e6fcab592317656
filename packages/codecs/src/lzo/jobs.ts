import { crc32 } from '../crc32.js';
import { copyTo, type SharedMemory } from '../shared-memory.js';
import { WorkerPool, workerScript } from '../workers/pool.js';
import { BLOCK_SIZE, type BlockChecksums } from './format.js';
import { Lzo1xError, lzo1x, lzo1xBound } from './lzo1x.js';

interface CompressJob {
  readonly kind: 'compress';
  /** Its first `length` bytes are cut into blocks. */
  readonly input: SharedMemory;
  readonly length: number;
  /** Room for `compressedBound(length)` bytes. */
  readonly output: SharedMemory;
}

export interface PackedBlock extends BlockChecksums {
  /** Where its data lies in the job's input. */
  readonly start: number;
  readonly length: number;
  readonly contentLength: number;
}

interface DecompressJob {
  readonly kind: 'decompress';
  readonly input: SharedMemory;
  readonly blocks: readonly PackedBlock[];
  readonly output: SharedMemory;
}

export type LzoJob = CompressJob | DecompressJob;

export interface LzoResult {
  /** Of what was written to the output. */
  readonly length: number;
  /** The first bad block, by its index, and the error it gives rise to. */
  readonly damage?: { readonly block: number; readonly code: string; readonly what: string };
}

/** How much content a job has: enough that the message to a worker costs little beside it. */
export const JOB_SIZE = 4 * BLOCK_SIZE;

const BLOCK_HEADER_SIZE = 12;

export function compressedBound(length: number): number {
  const blocks = Math.ceil(length / BLOCK_SIZE);
  return blocks * (BLOCK_HEADER_SIZE + lzo1xBound(BLOCK_SIZE));
}

/** What a worker does, and the main thread for a little data. */
export function runLzoJob(job: LzoJob): LzoResult {
  return job.kind === 'compress' ? compressBlocks(job) : decompressBlocks(job);
}

function compressBlocks({ input, length, output }: CompressJob): LzoResult {
  const view = new DataView(output.buffer, output.byteOffset);
  const lzo = lzo1x();
  let written = 0;
  for (let start = 0; start < length; start += BLOCK_SIZE) {
    const block = input.subarray(start, Math.min(length, start + BLOCK_SIZE));
    const data = written + BLOCK_HEADER_SIZE;
    const size = Math.min(block.length, lzo.compress(block, output.subarray(data)));
    if (size === block.length) copyTo(output, block, data);
    view.setUint32(written, block.length);
    view.setUint32(written + 4, size);
    view.setUint32(written + 8, lzo.adlerOfInput());
    written = data + size;
  }
  return { length: written };
}

function decompressBlocks({ input, blocks, output }: DecompressJob): LzoResult {
  let written = 0;
  for (const [index, block] of blocks.entries()) {
    const content = output.subarray(written, written + block.contentLength);
    const damage = decompressBlock(input.subarray(block.start, block.start + block.length), content, block);
    if (damage !== undefined) return { length: written, damage: { block: index, ...damage } };
    written += content.length;
  }
  return { length: written };
}

function decompressBlock(
  data: Uint8Array,
  content: Uint8Array,
  checksums: BlockChecksums,
): { code: string; what: string } | undefined {
  const lzo = lzo1x();
  const { adlerOfCompressed, crcOfCompressed, adlerOfContent, crcOfContent } = checksums;
  if (
    (adlerOfCompressed !== undefined && lzo.adler32(data) !== adlerOfCompressed) ||
    (crcOfCompressed !== undefined && crc32(data) !== crcOfCompressed)
  ) {
    return { code: 'LZOP_BLOCK_CHECKSUM', what: 'the checksum of the compressed block does not match' };
  }
  const stored = data.length === content.length;
  if (stored) copyTo(content, data, 0);
  else {
    const what = decompressData(data, content);
    if (what !== undefined) return { code: 'LZOP_BLOCK', what: `damaged block: ${what}` };
  }
  const adler = () => (stored ? lzo.adler32(content) : lzo.adlerOfOutput());
  if (
    (adlerOfContent !== undefined && adler() !== adlerOfContent) ||
    (crcOfContent !== undefined && crc32(content) !== crcOfContent)
  ) {
    return { code: 'LZOP_BLOCK_CHECKSUM', what: 'the checksum of the block does not match' };
  }
  return undefined;
}

function decompressData(data: Uint8Array, content: Uint8Array): string | undefined {
  try {
    return lzo1x().decompress(data, content) < content.length ? 'it ends too early' : undefined;
  } catch (error) {
    if (error instanceof Lzo1xError) return error.message;
    throw error;
  }
}

/**
 * Below this many bytes of content, a thread is not worth starting; the main thread has it done in a
 * millisecond.
 */
const SMALL = 256 * 1024;

/** Runs jobs on worker threads, or right here as long as there is only a little to do. */
export class LzoThreads {
  private readonly pool: WorkerPool<LzoJob, LzoResult>;
  private done = 0;

  constructor(threads: number, signal: AbortSignal | undefined) {
    this.pool = new WorkerPool(workerScript('lzo'), threads, signal);
  }

  async run(job: LzoJob, contentLength: number): Promise<LzoResult> {
    this.done += contentLength;
    if (this.done <= SMALL) return runLzoJob(job);
    return this.pool.run(job);
  }

  close(): void {
    this.pool.close();
  }
}
