import { type FileHandle, open, readFile, stat } from 'node:fs/promises';
import { ArchiveError } from '../diagnostics.js';

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
   * The first range at or after `offset` that may hold anything but zeros; `undefined` when only zeros
   * follow. A source without this method may hold data anywhere.
   */
  nextData?(offset: number): Promise<ByteRange | undefined>;
  /**
   * As `read`, of few bytes that have a checksum of their own, which the caller proves: a codec reads and
   * decompresses no more than it takes to have them, and proves nothing of them itself.
   */
  readUnproven?(buffer: Uint8Array, offset: number): Promise<number>;
  /**
   * As `read`, of bytes that are at hand without reading and decompressing what stands around them: as many
   * of those asked for as there are, 0 when there are none. A source without this method has none at all.
   */
  readAtHand?(buffer: Uint8Array, offset: number): Promise<number>;
  /**
   * Of what whoever wrote it made in parts: the one that holds the byte at `offset`. A part that is damaged
   * leaves the others as they are.
   */
  partAt?(offset: number): ByteRange;
  /** The descriptor of a file that has these bytes, each at the same offset. */
  readonly fd?: number;
  /** Whether the content may have changed since it was opened. A source without this method cannot tell. */
  changed?(): Promise<boolean>;
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
    if (!(start >= 0 && size >= 0 && start + size <= parent.size)) {
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
  readonly handle: FileHandle;
  readonly size: number;
  private readonly modifiedAt: bigint;

  protected constructor(file: OpenedFile) {
    this.handle = file.handle;
    this.size = file.size;
    this.modifiedAt = file.modifiedAt;
  }

  /** @throws the system's error, or `NOT_A_FILE` for a directory, pipe or the like. */
  static async open(path: string): Promise<FileSource> {
    return new FileSource(await openForReading(path));
  }

  get fd(): number {
    return this.handle.fd;
  }

  /** By size and modification time; for a block device, which has neither, always false. */
  async changed(): Promise<boolean> {
    const stat = await this.handle.stat({ bigint: true });
    return stat.isFile() && (stat.mtimeNs !== this.modifiedAt || stat.size !== BigInt(this.size));
  }

  read(buffer: Uint8Array, offset: number): Promise<number> {
    return fill(buffer, (at, length) => this.handle.read(buffer, at, length, offset + at));
  }

  async close(): Promise<void> {
    await this.handle.close();
  }
}

export interface OpenedFile {
  readonly handle: FileHandle;
  /** In bytes. */
  readonly size: number;
  /** In nanoseconds since the epoch. */
  readonly modifiedAt: bigint;
}

/** Opens a regular file or block device, and finds its size, which `stat` does not tell for a device. */
export async function openForReading(path: string): Promise<OpenedFile> {
  const kind = await stat(path); // before it is opened: to open a pipe is to wait for its other end
  if (!kind.isFile() && !kind.isBlockDevice()) {
    throw new ArchiveError('NOT_A_FILE', `${path} is neither a regular file nor a block device`, {
      entry: path,
    });
  }
  const handle = await open(path, 'r');
  try {
    const opened = await handle.stat({ bigint: true });
    const size = opened.isBlockDevice() ? await blockDeviceSize(Number(opened.rdev)) : Number(opened.size);
    return { handle, size, modifiedAt: opened.mtimeNs };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/**
 * The size in bytes of the block device with this device number. The kernel counts in units of 512 bytes
 * here, whatever the device's sector size (Linux, Documentation/ABI/stable/sysfs-block, `size`).
 */
export async function blockDeviceSize(rdev: number): Promise<number> {
  const major = ((rdev / 0x100) & 0xfff) | (Math.floor(rdev / 0x1_0000_0000) & ~0xfff);
  const minor = (rdev & 0xff) | (Math.floor(rdev / 0x1000) & ~0xff & 0xfffff);
  return Number(await readFile(`/sys/dev/block/${major}:${minor}/size`, 'latin1')) * 512;
}

/**
 * Fills a buffer by calls of which each may read less than it was asked for. @param readOnce to where in the
 * buffer, and how many bytes
 * @returns how much of it is filled: less only at the end
 */
export async function fill(
  buffer: Uint8Array,
  readOnce: (at: number, length: number) => Promise<{ readonly bytesRead: number }>,
): Promise<number> {
  let filled = 0;
  while (filled < buffer.length) {
    const { bytesRead } = await readOnce(filled, buffer.length - filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return filled;
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
