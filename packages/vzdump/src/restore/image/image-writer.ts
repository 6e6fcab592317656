import { onNamedFile, type WriteAt, writeFully } from '@vzdump-format/streams';
import type { VolumeFormat } from '../../config/index.js';
import type { VolumePlace } from '../volumes/staged-volume.js';
import { DeviceWriter } from './device-writer.js';
import { Qcow2Writer } from './qcow2-writer.js';
import { RawWriter } from './raw-writer.js';

/** Puts a disk's content where it goes, in any order. What is not written reads as zeros only after `zero`. */
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

export interface OpenImageWriterOptions {
  /** `raw` or `qcow2`; a block device takes its content raw. */
  readonly format: VolumeFormat;
  /** Of the disk, in bytes. */
  readonly size: number;
  /** How files are written; `writeFully` unless given. */
  readonly writeAt?: WriteAt | undefined;
}

/** @throws `TARGET_TOO_SMALL`, `TARGET_TOO_LARGE`; the system's error (`EBUSY` for a device that is in use) */
export async function openImageWriter(
  place: Exclude<VolumePlace, { kind: 'directory' }>,
  { format, size, writeAt = writeFully }: OpenImageWriterOptions,
): Promise<ImageWriter> {
  if (place.kind === 'device') return DeviceWriter.open(place.path, size, place.zeroed);
  const { handle } = place;
  if (format === 'qcow2') return new Qcow2Writer(handle, size, writeAt);
  await onNamedFile(handle, () => handle.truncate(size));
  return new RawWriter(handle, writeAt);
}
