import { stat } from 'node:fs/promises';
import { printableName, requireUnusedImage } from '@vzdump-format/posix';
import {
  ArchiveError,
  failedCall,
  type OnWarning,
  onNamedFile,
  PendingFile,
  type WriteAt,
  writeFully,
} from '@vzdump-format/streams';
import { imageFormatOf } from './disk-image.js';
import {
  DeviceWriter,
  type DeviceWriterOptions,
  type ImagePlace,
  type ImageWriter,
  RawWriter,
} from './image-writer.js';
import { Qcow2Writer } from './qcow2-writer.js';

/** The formats in which images are written. */
export type WrittenFormat = 'raw' | 'qcow2';

export interface OpenImageWriterOptions extends DeviceWriterOptions {
  /** A block device takes its content raw. */
  readonly format: WrittenFormat;
  /** How files are written; `writeFully` unless given. */
  readonly writeAt?: WriteAt | undefined;
}

/**
 * Opens what writes an image to its place.
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

export interface ImageTargetOptions {
  /** What errors call the disk. */
  readonly name: string;
  /** Of the disk, in bytes. */
  readonly size: number;
  /** Whether a file that exists is replaced. */
  readonly overwrite: boolean;
  /** How files are written; `writeFully` unless given. */
  readonly writeAt?: WriteAt | undefined;
  /** See `PendingFileOptions`. */
  readonly onWarning?: OnWarning | undefined;
}

/**
 * Opens a path that somebody chose for a disk: a block device that is there, or else a file to be made, whose
 * extension says whether it becomes a raw image or a qcow2 one.
 * @throws `TARGET_TOO_SMALL`, `TARGET_KIND`, `TARGET_WRITE`, `IMAGE_IN_USE`, `FILE_EXISTS`; the system's
 * error (`EBUSY` for a mounted device)
 */
export async function openImageTarget(path: string, options: ImageTargetOptions): Promise<ImageTarget> {
  const existing = await stat(path).catch(() => undefined);
  if (existing?.isBlockDevice()) {
    const place = { kind: 'device', path, zeroed: false } as const;
    const writer = await openImageWriter(place, { ...options, format: 'raw', mayBeLarger: true });
    return new ImageTarget(path, writer, undefined);
  }
  if (existing !== undefined && !existing.isFile()) {
    throw new ArchiveError('TARGET_KIND', `${path} is neither a regular file nor a block device`, {
      entry: path,
    });
  }
  return createImageFile(path, writtenFormat(path), options);
}

/**
 * Makes a file as the target of a disk, and nothing else. @throws `FILE_EXISTS`, `IMAGE_IN_USE`,
 * `TARGET_WRITE`
 */
export async function createImageFile(
  path: string,
  format: WrittenFormat,
  options: ImageTargetOptions,
): Promise<ImageTarget> {
  const { overwrite, onWarning, size } = options;
  if (overwrite) requireUnusedImage(path);
  const file = await PendingFile.create(path, { overwrite, onWarning });
  const { partialPath, handle } = file;
  try {
    const writer = await openImageWriter({ kind: 'file', path: partialPath, handle }, { ...options, format });
    return new ImageTarget(path, writer, file);
  } catch (error) {
    await file.discard();
    throw failedCall(error, 'TARGET_WRITE', `${partialPath} cannot be made ${size} bytes long`, path);
  }
}

/** How an image of this name is written. @throws `TARGET_KIND` for those that only QEMU's tools write */
export function writtenFormat(path: string): WrittenFormat {
  const format = imageFormatOf(path);
  if (format === 'raw' || format === 'qcow2') return format;
  throw new ArchiveError('TARGET_KIND', `${printableName(path)}: ${format} images cannot be written`, {
    entry: path,
    hint: 'choose .raw or .qcow2',
  });
}

/**
 * Where a disk's content goes: a file gets its name when all is whole, a block device is written in place.
 */
export class ImageTarget {
  private isWritten = false;
  private isWhole = false;

  constructor(
    readonly path: string,
    private readonly writer: ImageWriter,
    private readonly file: PendingFile | undefined,
  ) {}

  /** @throws `TARGET_WRITE` */
  async write(data: Uint8Array, offset: number): Promise<void> {
    this.isWritten = true;
    await this.attempt(this.writer.write(data, offset));
  }

  /** Makes a range read as zeros. @throws `TARGET_WRITE` */
  async zero(offset: number, length: number): Promise<void> {
    if (!this.writer.writesZeros) return;
    this.isWritten = true;
    await this.attempt(this.writer.zero(offset, length));
  }

  /**
   * All is written: makes it durable. @returns the file that waits for its name, if it is one
   * @throws `IMAGE_IN_USE`, `TARGET_WRITE`; the system's error
   */
  async finish(): Promise<PendingFile | undefined> {
    const { file, writer } = this;
    if (file === undefined) {
      await writer.finish();
      await writer.close();
      this.isWhole = true;
      return undefined;
    }
    await this.attempt(writer.finish());
    if (file.overwrite) requireUnusedImage(this.path);
    await file.seal();
    return file;
  }

  /** Gives up. @returns what is left of it, if anything, in words */
  async discard(): Promise<string | undefined> {
    const { file, isWritten, isWhole, path } = this;
    if (file !== undefined) {
      await file.discard();
      return undefined;
    }
    await this.writer.close().catch(() => {}); // closed already when to finish it failed half-way
    return isWritten && !isWhole ? `${path} was written in part: its content is of no use` : undefined;
  }

  private async attempt(call: Promise<void>): Promise<void> {
    try {
      await call;
    } catch (error) {
      const { path, file } = this;
      throw failedCall(error, 'TARGET_WRITE', `${file?.partialPath ?? path} cannot be written`, path);
    }
  }
}
