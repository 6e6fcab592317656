/** The header's blob buffer: texts that the tables of the header point to. */

import { pathToBytes, printableName } from '@vzdump-format/posix';
import { ArchiveError } from '@vzdump-format/streams';
import { asBuffer, HEADER_TABLE_SIZE, MAX_BLOB_SIZE, OFFSET } from './format.js';

/** The writer enlarges the blob buffer in steps of this many bytes. */
const BLOB_BUFFER_STEP = 512;

/**
 * Finds the blobs that pointers refer to: only those at which a blob really starts are valid. Other blobs are
 * passed over: a buffer can hold millions of empty ones.
 */
export class BlobReader {
  private readonly blobs = new Map<number, Buffer>();

  /** @throws `VMA_BLOB_BUFFER` */
  constructor(header: Buffer, wanted: ReadonlySet<number>) {
    const offset = header.readUInt32BE(OFFSET.blobBufferOffset);
    const size = header.readUInt32BE(OFFSET.blobBufferSize);
    // A buffer of one byte holds nothing, and Proxmox's writer counts that byte though it does not write it.
    const end = size <= 1 ? offset : offset + size;
    if (offset < HEADER_TABLE_SIZE || end > header.length) {
      throw new ArchiveError(
        'VMA_BLOB_BUFFER',
        `the blob buffer (${offset}+${size}) is not inside the header`,
        {
          offset: OFFSET.blobBufferOffset,
        },
      );
    }
    for (let at = 1; offset + at + 2 <= end; ) {
      const start = offset + at + 2;
      const length = header.readUInt16LE(start - 2);
      if (start + length > end) break;
      if (wanted.has(at)) this.blobs.set(at, header.subarray(start, start + length));
      at += 2 + length;
    }
  }

  find(pointer: number): Buffer | undefined {
    return this.blobs.get(pointer);
  }

  /** @throws `VMA_BLOB` */
  require(pointer: number, offset: number): Buffer {
    const blob = this.find(pointer);
    if (blob === undefined) {
      throw new ArchiveError('VMA_BLOB', `the header points to ${pointer}, where no blob starts`, { offset });
    }
    return blob;
  }
}

/** Collects the blobs of a header, in a buffer that grows as that of Proxmox's writer does. */
export class BlobWriter {
  private readonly parts: Buffer[] = [Buffer.alloc(1)];
  private allocated = 0;
  /** Bytes in use, the unused first one included. */
  used = 1;

  addName(what: string, name: string): number {
    if (name === '' || name.includes('\0')) {
      throw new ArchiveError('VMA_NAME', `"${printableName(name)}" cannot be the name of a ${what}`, {
        entry: name,
      });
    }
    return this.add(
      `the name of ${what} ${printableName(name)}`,
      Buffer.concat([pathToBytes(name), Buffer.alloc(1)]),
    );
  }

  /** @returns the pointer */
  add(what: string, data: Uint8Array): number {
    if (data.length > MAX_BLOB_SIZE) {
      throw new ArchiveError('VMA_LIMIT', `${what} has ${data.length} bytes: ${MAX_BLOB_SIZE} can be stored`);
    }
    const pointer = this.used;
    const length = Buffer.alloc(2);
    length.writeUInt16LE(data.length);
    this.parts.push(length, asBuffer(data));
    this.used += 2 + data.length;
    // Proxmox's steps, which can fall short by the first byte; it then writes what it cannot read: we add a
    // step.
    if (this.used > this.allocated) this.allocated += roundUp(2 + data.length);
    if (this.used > this.allocated) this.allocated += BLOB_BUFFER_STEP;
    return pointer;
  }

  /** The buffer at its full size. A header without any blob gets a step too: Proxmox refuses a bare table. */
  finish(): Buffer {
    const buffer = Buffer.alloc(Math.max(this.allocated, BLOB_BUFFER_STEP));
    Buffer.concat(this.parts).copy(buffer);
    return buffer;
  }
}

function roundUp(size: number): number {
  return Math.ceil(size / BLOB_BUFFER_STEP) * BLOB_BUFFER_STEP;
}
