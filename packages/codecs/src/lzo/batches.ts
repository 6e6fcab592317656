import { ArchiveError, type ByteReader, type OnWarning } from '@vzdump-format/streams';
import type { BufferPool } from '../buffers.js';
import { copyTo, type SharedMemory, sharedMemory } from '../shared-memory.js';
import { isPrefixOfAny, readTrailing } from '../trailing.js';
import {
  BLOCK_LENGTHS_SIZE,
  checksumsSize,
  decodeChecksums,
  type LzopHeader,
  MAGIC,
  MAX_BLOCK_SIZE,
} from './format.js';
import { readHeader, readOrTruncated, truncated } from './header.js';
import type { PackedBlock } from './jobs.js';

const NO_DATA = new Uint8Array(0);
const SMALL_READ = 4 * 1024;

/** A block as it was found in the file. */
export interface FoundBlock extends Omit<PackedBlock, 'start'> {
  /** Where its header begins. */
  readonly offset: number;
  /** Of header and data together. */
  readonly size: number;
  /** Of its member. */
  readonly flags: number;
  readonly data: Uint8Array;
}

/** Some blocks whose contents fit in a buffer of the pool together, or one that is too large for it. */
export interface Batch {
  readonly input: SharedMemory;
  readonly blocks: readonly PackedBlock[];
  /** In the file, block by block. */
  readonly offsets: readonly number[];
  readonly contentLength: number;
}

interface ReadBlocksOptions {
  readonly onWarning?: OnWarning | undefined;
  /** Whether the data of blocks is passed over, and not read where that can be. */
  readonly headersOnly?: boolean;
}

/** The blocks of all members; checks headers and sizes, and what follows the last member. */
export async function* readBlocks(
  reader: ByteReader,
  { onWarning, headersOnly = false }: ReadBlocksOptions = {},
): AsyncGenerator<FoundBlock> {
  const next = (header: LzopHeader) => readBlock(reader, header, headersOnly);
  for (let members = 0; members === 0 || !(await reader.atEnd()); members++) {
    const start = reader.offset;
    const magic = new Uint8Array(await reader.readUpTo(MAGIC.length));
    if (!isPrefixOfAny(magic, [MAGIC])) {
      if (members === 0) throw new ArchiveError('LZOP_HEADER', 'not lzop data', { offset: start });
      return readTrailing(reader, { prefix: 'LZOP', end: start, first: magic, onWarning });
    }
    if (magic.length < MAGIC.length) throw truncated(reader.offset);
    const header = await readHeader(reader);
    for (let block = await next(header); block; block = await next(header)) yield block;
  }
}

/** Puts blocks together for jobs. */
export async function* inBatches(blocks: AsyncIterable<FoundBlock>, pool: BufferPool): AsyncGenerator<Batch> {
  let batch = new BatchBuilder(pool);
  try {
    for await (const block of blocks) {
      if (!batch.hasRoomFor(block)) {
        if (batch.contentLength > 0) yield batch;
        batch = new BatchBuilder(pool, block.contentLength);
      }
      batch.add(block);
    }
  } catch (error) {
    if (batch.contentLength > 0) yield batch; // whole blocks before one that cannot be read
    throw error;
  }
  if (batch.contentLength > 0) yield batch;
}

class BatchBuilder implements Batch {
  readonly input: SharedMemory;
  readonly blocks: PackedBlock[] = [];
  readonly offsets: number[] = [];
  contentLength = 0;

  constructor(pool: BufferPool, needed = 0) {
    this.input = needed > pool.size ? sharedMemory(needed) : pool.take();
  }

  hasRoomFor(block: FoundBlock): boolean {
    return this.contentLength + block.contentLength <= this.input.length;
  }

  add({ data, offset, size: _size, flags: _flags, ...block }: FoundBlock): void {
    const last = this.blocks.at(-1);
    const start = last === undefined ? 0 : last.start + last.length;
    copyTo(this.input, data, start);
    this.blocks.push({ ...block, start });
    this.offsets.push(offset);
    this.contentLength += block.contentLength;
  }
}

/** The next block of the member; undefined at its end. */
export async function readBlock(
  reader: ByteReader,
  { flags }: LzopHeader,
  headersOnly = false,
): Promise<FoundBlock | undefined> {
  const offset = reader.offset;
  const contentLength = toNumber(await readOrTruncated(reader, 4));
  if (contentLength === 0) return undefined;
  const length = toNumber(await readOrTruncated(reader, BLOCK_LENGTHS_SIZE - 4));
  if (contentLength > MAX_BLOCK_SIZE || length > contentLength || length === 0) {
    const message = `impossible block: ${contentLength} bytes compressed to ${length}`;
    throw new ArchiveError('LZOP_BLOCK_SIZE', message, { offset });
  }
  const stored = length === contentLength;
  const checksums = await readOrTruncated(reader, checksumsSize(flags, stored));
  const decoded = decodeChecksums(checksums, flags, stored);
  const data = headersOnly ? await passData(reader, length) : await readOrTruncated(reader, length);
  return { offset, size: reader.offset - offset, flags, data, length, contentLength, ...decoded };
}

async function passData(reader: ByteReader, length: number): Promise<Uint8Array> {
  let left = length - (await reader.passOver(length));
  while (left > 0) left -= (await readOrTruncated(reader, Math.min(left, SMALL_READ))).length;
  return NO_DATA;
}

function toNumber(bytes: Uint8Array): number {
  return Buffer.from(bytes.buffer, bytes.byteOffset, 4).readUInt32BE();
}
