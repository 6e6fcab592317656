import { type FileHandle, open, readFile } from 'node:fs/promises';
import { ArchiveError } from './archive-error.js';

/** A range of bytes, `start` inclusive, `end` exclusive. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** Bytes at rest: anything of a known size that can be read at any offset. */
export interface ByteSource {
  /** In bytes. */
  readonly size: number;
  /** Fills `buffer` from `offset` on; resolves to the bytes read, fewer than asked for only at the end. */
  read(buffer: Uint8Array, offset: number): Promise<number>;
  /**
   * The first range at or after `offset` that may hold anything but zeros; `undefined` when only zeros follow.
   * A source without this method may hold data anywhere.
   */
  nextData?(offset: number): Promise<ByteRange | undefined>;
  close(): Promise<void>;
}

/** A ByteSource over bytes in memory. */
export class BufferSource implements ByteSource {
  readonly size: number;

  constructor(private readonly bytes: Uint8Array) {
    this.size = bytes.length;
  }

  async read(buffer: Uint8Array, offset: number): Promise<number> {
    const part = this.bytes.subarray(offset, offset + buffer.length);
    buffer.set(part);
    return part.length;
  }

  async close(): Promise<void> {}
}

/** A window of another source, which stays its owner's to close. */
export class SliceSource implements ByteSource {
  readonly size: number;

  /** @throws RangeError when the window is not inside the parent. */
  constructor(
    private readonly parent: ByteSource,
    private readonly start: number,
    size: number,
  ) {
    if (start < 0 || size < 0 || start + size > parent.size) {
      throw new RangeError(`slice ${start}+${size} is outside a source of ${parent.size} bytes`);
    }
    this.size = size;
  }

  async read(buffer: Uint8Array, offset: number): Promise<number> {
    const length = Math.max(0, Math.min(buffer.length, this.size - offset));
    if (length === 0) return 0;
    return this.parent.read(buffer.subarray(0, length), this.start + offset);
  }

  async close(): Promise<void> {}
}

/** A regular file or a block device. */
export class FileSource implements ByteSource {
  protected constructor(
    readonly path: string,
    readonly handle: FileHandle,
    readonly size: number,
  ) {}

  /** @throws the system's error, or `NOT_A_FILE` for a directory, pipe or the like. */
  static async open(path: string): Promise<FileSource> {
    const { handle, size } = await openForReading(path);
    return new FileSource(path, handle, size);
  }

  async read(buffer: Uint8Array, offset: number): Promise<number> {
    let filled = 0;
    while (filled < buffer.length) {
      const { bytesRead } = await this.handle.read(buffer, filled, buffer.length - filled, offset + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return filled;
  }

  async close(): Promise<void> {
    await this.handle.close();
  }
}

/** Opens a regular file or block device, and finds its size, which `stat` does not tell for a device. */
export async function openForReading(path: string): Promise<{ handle: FileHandle; size: number }> {
  const handle = await open(path, 'r');
  try {
    const stat = await handle.stat();
    if (stat.isFile()) return { handle, size: stat.size };
    if (stat.isBlockDevice()) return { handle, size: await blockDeviceSize(stat.rdev) };
    throw new ArchiveError('NOT_A_FILE', `${path} is neither a regular file nor a block device`, {
      entry: path,
    });
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/**
 * The size in bytes of the block device with this device number. The kernel counts in units of 512 bytes here,
 * whatever the device's sector size (Linux, Documentation/ABI/stable/sysfs-block, `size`).
 */
export async function blockDeviceSize(rdev: number): Promise<number> {
  const major = ((rdev / 0x100) & 0xfff) | (Math.floor(rdev / 0x1_0000_0000) & ~0xfff);
  const minor = (rdev & 0xff) | (Math.floor(rdev / 0x1000) & ~0xff & 0xfffff);
  return Number(await readFile(`/sys/dev/block/${major}:${minor}/size`, 'latin1')) * 512;
}

/** Reads until `buffer` is full. @throws `UNEXPECTED_END` when the source ends before. */
export async function readFully(source: ByteSource, buffer: Uint8Array, offset: number): Promise<void> {
  const got = await source.read(buffer, offset);
  if (got < buffer.length) {
    throw new ArchiveError('UNEXPECTED_END', `ends ${buffer.length - got} bytes too early`, {
      offset: offset + got,
    });
  }
}

export interface ReadChunksOptions {
  readonly start?: number;
  /** Exclusive; the source's size unless given. */
  readonly end?: number;
  /** In bytes; 1 MiB unless given. */
  readonly chunkSize?: number;
  /** How many reads are under way while the consumer works; 2 unless given. */
  readonly readAhead?: number;
  /** See `Stage`. */
  readonly reuseBuffers?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** The bytes of a source in order, read ahead. Ends early without an error where the source does. */
export async function* readChunks(
  source: ByteSource,
  options: ReadChunksOptions = {},
): AsyncGenerator<Uint8Array> {
  const { start = 0, end = source.size, chunkSize = 1 << 20, readAhead = 2, signal } = options;
  const spare: Uint8Array[] = [];
  const underWay: Promise<Uint8Array>[] = [];
  let next = start;
  const readNext = async (buffer: Uint8Array, offset: number): Promise<Uint8Array> =>
    buffer.subarray(0, await source.read(buffer.subarray(0, Math.min(chunkSize, end - offset)), offset));
  try {
    for (;;) {
      while (underWay.length < readAhead && next < end) {
        const read = readNext(spare.pop() ?? Buffer.allocUnsafeSlow(chunkSize), next);
        read.catch(() => {}); // awaited in turn below
        underWay.push(read);
        next += chunkSize;
      }
      const chunk = await underWay.shift();
      signal?.throwIfAborted();
      if (chunk === undefined || chunk.length === 0) return;
      yield chunk;
      if (options.reuseBuffers) spare.push(new Uint8Array(chunk.buffer));
    }
  } finally {
    await Promise.allSettled(underWay); // a buffer must not be written to, nor the file be closed, behind our back
  }
}
