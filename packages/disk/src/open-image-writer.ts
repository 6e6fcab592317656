import type { FileHandle } from 'node:fs/promises';
import { onNamedFile, type WriteAt, writeFully } from '@vzdump-format/streams';
import { DeviceWriter } from './device-writer.js';
import type { ImagePlace, ImageWriter } from './image-writer.js';
import { Qcow2Writer } from './qcow2-writer.js';

/** The formats in which images are written. */
export type WrittenFormat = 'raw' | 'qcow2';

export interface OpenImageWriterOptions {
  /** A block device takes its content raw. */
  readonly format: WrittenFormat;
  /** Of the disk, in bytes. */
  readonly size: number;
  /** How files are written; `writeFully` unless given. */
  readonly writeAt?: WriteAt | undefined;
  /** What errors call the disk; `the drive` unless given. */
  readonly name?: string | undefined;
  /** Whether a block device may end as far behind the disk as it likes, instead of 4 MiB. */
  readonly mayBeLarger?: boolean | undefined;
}

/**
 * @throws `TARGET_TOO_SMALL`, `TARGET_TOO_LARGE`, `IMAGE_IN_USE`; the system's error (`EBUSY` for a device
 * that is in use)
 */
export async function openImageWriter(
  place: ImagePlace,
  options: OpenImageWriterOptions,
): Promise<ImageWriter> {
  const { format, size, writeAt = writeFully } = options;
  if (place.kind === 'device') return DeviceWriter.open(place, options);
  const { handle } = place;
  if (format === 'qcow2') return new Qcow2Writer(handle, size, writeAt);
  await onNamedFile(handle, () => handle.truncate(size));
  return new RawWriter(handle, writeAt);
}

/** A raw image in a new file of the disk's size: what is not written is a hole. */
class RawWriter implements ImageWriter {
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
