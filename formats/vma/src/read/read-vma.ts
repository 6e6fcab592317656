import { type ByteSource, type ReadChunksOptions, readChunks } from '@vzdump-format/streams';
import {
  BLOCK_SIZE,
  BLOCKS_PER_CLUSTER,
  EXTENT_HEADER_SIZE,
  EXTENT_OFFSET,
  EXTENT_SLOTS,
  OFFSET,
} from '../format.js';

const HEADER_CHUNK_SIZE = 64 * 1024;
const MAX_BLOCK_COUNT = EXTENT_SLOTS * BLOCKS_PER_CLUSTER;
/** An extent, and the header of the next one. */
const BUFFER_SIZE = EXTENT_HEADER_SIZE + MAX_BLOCK_COUNT * BLOCK_SIZE + EXTENT_HEADER_SIZE;

interface ReadExtent {
  readonly buffer: Buffer;
  /** Its bytes in the archive, fewer where that ends. */
  readonly length: number;
  /** What the next one begins with; shorter than a header at the end of the archive. */
  readonly nextHeader: Buffer;
}

/**
 * The bytes of an archive at rest in its natural chunks: its header, then one extent at a time, each read in
 * one call while the one before is used. It cuts where the archive says; whether that is right is for
 * `unpackVma` to tell.
 */
export async function* readVma(
  archive: ByteSource,
  options: Pick<ReadChunksOptions, 'signal'> = {},
): AsyncGenerator<Uint8Array> {
  const start = Math.min(await claimedHeaderSize(archive), archive.size);
  yield* readChunks(archive, { end: start, chunkSize: HEADER_CHUNK_SIZE, readAhead: 0 });
  const header = Buffer.alloc(EXTENT_HEADER_SIZE);
  const firstHeader = header.subarray(0, await archive.read(header, start));

  const spare: Buffer[] = [];
  let offset = start;
  let reading = readExtent(archive, offset, firstHeader, spare);
  try {
    for (;;) {
      const { buffer, length, nextHeader } = await reading;
      if (length === 0) return;
      options.signal?.throwIfAborted();
      offset += length;
      reading = readExtent(archive, offset, nextHeader, spare);
      reading.catch(() => {}); // awaited in its turn
      yield buffer.subarray(0, length);
      spare.push(buffer);
    }
  } finally {
    await reading.catch(() => {}); // nothing may be written to a buffer, nor the file be closed, behind our back
  }
}

/** As the header says, which nobody has checked. */
export async function claimedHeaderSize(archive: ByteSource): Promise<number> {
  const field = Buffer.alloc(4);
  await archive.read(field, OFFSET.headerSize);
  return field.readUInt32BE();
}

/** @param header what the extent begins with, which has been read already */
async function readExtent(
  archive: ByteSource,
  offset: number,
  header: Buffer,
  spare: Buffer[],
): Promise<ReadExtent> {
  const buffer = spare.pop() ?? Buffer.allocUnsafeSlow(BUFFER_SIZE);
  buffer.set(header);
  if (header.length < EXTENT_HEADER_SIZE)
    return { buffer, length: header.length, nextHeader: Buffer.alloc(0) };
  const blockCount = Math.min(header.readUInt16BE(EXTENT_OFFSET.blockCount), MAX_BLOCK_COUNT);
  const size = EXTENT_HEADER_SIZE + blockCount * BLOCK_SIZE;
  const rest = buffer.subarray(EXTENT_HEADER_SIZE, size + EXTENT_HEADER_SIZE);
  const got = EXTENT_HEADER_SIZE + (await archive.read(rest, offset + EXTENT_HEADER_SIZE));
  const nextHeader = Buffer.from(buffer.subarray(size, Math.max(size, got)));
  return { buffer, length: Math.min(size, got), nextHeader };
}
