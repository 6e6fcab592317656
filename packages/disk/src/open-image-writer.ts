import { onNamedFile, type WriteAt, writeFully } from '@vzdump-format/streams';
import { DeviceWriter } from './device-writer.js';
import type { ImagePlace, ImageWriter } from './image-writer.js';
import { Qcow2Writer } from './qcow2-writer.js';
import { RawWriter } from './raw-writer.js';

export interface OpenImageWriterOptions {
  /** A block device takes its content raw. */
  readonly format: 'raw' | 'qcow2';
  /** Of the disk, in bytes. */
  readonly size: number;
  /** How files are written; `writeFully` unless given. */
  readonly writeAt?: WriteAt | undefined;
}

/**
 * @throws `TARGET_TOO_SMALL`, `TARGET_TOO_LARGE`; the system's error (`EBUSY` for a device that is in use)
 */
export async function openImageWriter(
  place: ImagePlace,
  { format, size, writeAt = writeFully }: OpenImageWriterOptions,
): Promise<ImageWriter> {
  if (place.kind === 'device') return DeviceWriter.open(place.path, size, place.zeroed);
  const { handle } = place;
  if (format === 'qcow2') return new Qcow2Writer(handle, size, writeAt);
  await onNamedFile(handle, () => handle.truncate(size));
  return new RawWriter(handle, writeAt);
}
