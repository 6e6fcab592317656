import { constants } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { zeroRange } from '@vzdump-format/posix';
import { ArchiveError, blockDeviceSize, nameFile, writeFully } from '@vzdump-format/streams';
import type { ImageWriter } from './image-writer.js';

/** How much larger than the disk its target may be, as Proxmox VE's vma has it. */
export const SIZE_TOLERANCE = 4 * 1024 * 1024;

const ZEROS = Buffer.alloc(1 << 20);

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

  static async open(path: string, size: number, isZeroed: boolean): Promise<DeviceWriter> {
    requireSize(path, await blockDeviceSize((await stat(path)).rdev), size);
    // O_EXCL: the kernel refuses a device that is mounted or otherwise in use
    const handle = await open(path, constants.O_RDWR | constants.O_EXCL);
    return new DeviceWriter(nameFile(handle, { path }), isZeroed);
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
    return this.handle.sync();
  }

  close(): Promise<void> {
    return this.handle.close();
  }
}

function requireSize(path: string, has: number, needs: number): void {
  if (has < needs) {
    throw new ArchiveError('TARGET_TOO_SMALL', `${path} has ${has} bytes, the drive needs ${needs}`, {
      entry: path,
    });
  }
  if (has > needs + SIZE_TOLERANCE) {
    throw new ArchiveError('TARGET_TOO_LARGE', `${path} has ${has} bytes, the drive ${needs}`, {
      entry: path,
      hint: 'a target may be up to 4 MiB larger than the drive',
    });
  }
}
