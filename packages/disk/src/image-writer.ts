import { constants } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { printableName, requireUnusedImage, zeroRange } from '@vzdump-format/posix';
import {
  ArchiveError,
  blockDeviceSize,
  nameFile,
  onNamedFile,
  type WriteAt,
  writeFully,
} from '@vzdump-format/streams';

/** Where a disk's content goes. */
export type ImagePlace =
  /** A file that is empty so far; what is not written reads as zeros. */
  | { readonly kind: 'file'; readonly path: string; readonly handle: FileHandle }
  /** A block device; `zeroed` says whether all of it reads as zeros. */
  | { readonly kind: 'device'; readonly path: string; readonly zeroed: boolean };

/**
 * Puts a disk's content where it goes, in any order. What is not written reads as zeros only after `zero`.
 */
export interface ImageWriter {
  /** Whether zeros have to be written, because something else may be there. */
  readonly writesZeros: boolean;
  write(data: Uint8Array, offset: number): Promise<void>;
  zero(offset: number, length: number): Promise<void>;
  /** All is written: what remains to be done for it to be a whole image. */
  finish(): Promise<void>;
  /** Lets go of what it holds; a volume's own file is the volume's to close. */
  close(): Promise<void>;
}

/** A raw image in a new file of the disk's size: what is not written is a hole. */
export class RawWriter implements ImageWriter {
  readonly writesZeros = false;

  constructor(
    private readonly handle: FileHandle,
    private readonly writeAt: WriteAt,
  ) {}

  write(data: Uint8Array, offset: number): Promise<void> {
    return this.writeAt(this.handle, data, offset);
  }

  async zero(): Promise<void> {}

  async finish(): Promise<void> {}

  async close(): Promise<void> {}
}

/** How much larger than the disk its target may be, as Proxmox VE's vma has it. */
const SIZE_TOLERANCE = 4 * 1024 * 1024;

const ZEROS = Buffer.alloc(1 << 20);

export interface DeviceWriterOptions {
  /** Of the disk, in bytes. */
  readonly size: number;
  /** What errors call the disk; `the drive` unless given. */
  readonly name?: string | undefined;
  /** Whether the device may end as far behind the disk as it likes, instead of 4 MiB. */
  readonly mayBeLarger?: boolean | undefined;
}

/** A block device: it is written from its first byte, and may end a little behind the disk. */
export class DeviceWriter implements ImageWriter {
  readonly writesZeros: boolean;
  private canZeroRange = true;

  private constructor(
    private readonly handle: FileHandle,
    isZeroed: boolean,
  ) {
    this.writesZeros = !isZeroed;
  }

  /** @throws `TARGET_TOO_SMALL`, `TARGET_TOO_LARGE`, `IMAGE_IN_USE`; the system's error (`EBUSY`) */
  static async open(
    { path, zeroed }: Extract<ImagePlace, { kind: 'device' }>,
    options: DeviceWriterOptions,
  ): Promise<DeviceWriter> {
    requireSize(path, await blockDeviceSize((await stat(path)).rdev), options);
    requireUnusedImage(path);
    // O_EXCL: the kernel refuses a device that is mounted or otherwise in use
    const handle = await open(path, constants.O_RDWR | constants.O_EXCL);
    return new DeviceWriter(nameFile(handle, { path }), zeroed);
  }

  write(data: Uint8Array, offset: number): Promise<void> {
    return writeFully(this.handle, data, offset);
  }

  async zero(offset: number, length: number): Promise<void> {
    if (!this.writesZeros) return;
    this.canZeroRange &&= zeroRange(this.handle.fd, offset, length);
    if (this.canZeroRange) return;
    for (let done = 0; done < length; done += ZEROS.length) {
      await writeFully(this.handle, ZEROS.subarray(0, Math.min(ZEROS.length, length - done)), offset + done);
    }
  }

  finish(): Promise<void> {
    return onNamedFile(this.handle, () => this.handle.sync());
  }

  close(): Promise<void> {
    return onNamedFile(this.handle, () => this.handle.close());
  }
}

function requireSize(path: string, has: number, options: DeviceWriterOptions): void {
  const { size: needs, name, mayBeLarger = false } = options;
  if (has < needs) {
    const what = name === undefined ? 'the drive' : printableName(name);
    throw new ArchiveError('TARGET_TOO_SMALL', `${path} has ${has} bytes, ${what} needs ${needs}`, {
      entry: name ?? path,
    });
  }
  if (!mayBeLarger && has > needs + SIZE_TOLERANCE) {
    throw new ArchiveError('TARGET_TOO_LARGE', `${path} has ${has} bytes, the drive ${needs}`, {
      entry: path,
      hint: 'a target may be up to 4 MiB larger than the drive',
    });
  }
}
