import { constants } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { printableName, requireUnusedImage, zeroRange } from '@vzdump-format/posix';
import { ArchiveError, blockDeviceSize, nameFile, onNamedFile, writeFully } from '@vzdump-format/streams';
import type { ImagePlace, ImageWriter } from './image-writer.js';

/** How much larger than the disk its target may be, as Proxmox VE's vma has it. */
const SIZE_TOLERANCE = 4 * 1024 * 1024;

const ZEROS = Buffer.alloc(1 << 20);

export interface DeviceWriterOptions {
  /** Of the disk, in bytes. */
  readonly size: number;
  /** What errors call the disk; `the drive` unless given. */
  readonly name?: string | undefined;
  /** Whether the device may end as far behind the disk as it likes. */
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
