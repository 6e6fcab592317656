import { crc32 } from 'node:zlib';
import { adler32 } from './adler32.js';
import { BLOCK_SIZE, type BlockChecksums } from './format.js';
import { Lzo1xCompressor, lzo1xBound } from './lzo1x-compress.js';
import { Lzo1xError, lzo1xDecompress } from './lzo1x-decompress.js';

type Memory = Uint8Array<ArrayBuffer>;

export interface CompressJob {
  readonly kind: 'compress';
  /** Its first `length` bytes are cut into blocks. */
  readonly input: Memory;
  readonly length: number;
  /** Room for `compressedBound(length)` bytes. */
  readonly output: Memory;
}

export interface PackedBlock extends BlockChecksums {
  /** Where its data lies in the job's input. */
  readonly start: number;
  readonly length: number;
  readonly contentLength: number;
}

export interface DecompressJob {
  readonly kind: 'decompress';
  readonly input: Memory;
  readonly blocks: readonly PackedBlock[];
  readonly output: Memory;
}

export type LzoJob = CompressJob | DecompressJob;

export interface LzoResult {
  readonly input: Memory;
  readonly output: Memory;
  /** Of the output. */
  readonly length: number;
  /** The first bad block, by its index, and the error it gives rise to. */
  readonly damage?: { readonly block: number; readonly code: string; readonly what: string };
}

const BLOCK_HEADER_SIZE = 12;
const compressor = new Lzo1xCompressor();

export function compressedBound(length: number): number {
  const blocks = Math.ceil(length / BLOCK_SIZE);
  return blocks * (BLOCK_HEADER_SIZE + lzo1xBound(BLOCK_SIZE));
}

/** What a worker does, and the main thread for a little data. */
export function runLzoJob(job: LzoJob): LzoResult {
  return job.kind === 'compress' ? compressBlocks(job) : decompressBlocks(job);
}

function compressBlocks({ input, length, output }: CompressJob): LzoResult {
  const view = new DataView(output.buffer);
  let written = 0;
  for (let start = 0; start < length; start += BLOCK_SIZE) {
    const block = input.subarray(start, Math.min(length, start + BLOCK_SIZE));
    const data = written + BLOCK_HEADER_SIZE;
    let size = compressor.compress(block, output.subarray(data));
    if (size >= block.length) {
      size = block.length;
      output.set(block, data);
    }
    view.setUint32(written, block.length);
    view.setUint32(written + 4, size);
    view.setUint32(written + 8, adler32(block));
    written = data + size;
  }
  return { input, output, length: written };
}

function decompressBlocks({ input, blocks, output }: DecompressJob): LzoResult {
  let written = 0;
  for (const [index, block] of blocks.entries()) {
    const content = output.subarray(written, written + block.contentLength);
    const damage = decompressBlock(input.subarray(block.start, block.start + block.length), content, block);
    if (damage !== undefined) return { input, output, length: written, damage: { block: index, ...damage } };
    written += content.length;
  }
  return { input, output, length: written };
}

function decompressBlock(
  data: Uint8Array,
  content: Uint8Array,
  checksums: BlockChecksums,
): { code: string; what: string } | undefined {
  if (!matches(data, checksums.adlerOfCompressed, checksums.crcOfCompressed)) {
    return { code: 'LZOP_BLOCK_CHECKSUM', what: 'the checksum of the compressed block does not match' };
  }
  if (data.length === content.length) content.set(data);
  else {
    const what = decompressData(data, content);
    if (what !== undefined) return { code: 'LZOP_BLOCK', what: `damaged block: ${what}` };
  }
  if (!matches(content, checksums.adlerOfContent, checksums.crcOfContent)) {
    return { code: 'LZOP_BLOCK_CHECKSUM', what: 'the checksum of the block does not match' };
  }
  return undefined;
}

function decompressData(data: Uint8Array, content: Uint8Array): string | undefined {
  try {
    return lzo1xDecompress(data, content) < content.length ? 'it ends too early' : undefined;
  } catch (error) {
    if (error instanceof Lzo1xError) return error.message;
    throw error;
  }
}

function matches(bytes: Uint8Array, adler: number | undefined, crc: number | undefined): boolean {
  if (adler !== undefined && adler32(bytes) !== adler) return false;
  return crc === undefined || crc32(bytes) === crc;
}
