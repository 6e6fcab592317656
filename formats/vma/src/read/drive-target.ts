import { constants } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { printableName, requireUnusedImage, zeroRange } from '@vzdump-format/posix';
import {
  ArchiveError,
  blockDeviceSize,
  nameFile,
  type OnWarning,
  onNamedFile,
  PendingFile,
  type WriteAt,
  writeFully,
} from '@vzdump-format/streams';
import type { VmaDevice } from '../format.js';
import { failedCall } from './failed-call.js';

/** Where a drive's content goes. */
export interface DriveTarget {
  readonly path: string;
  /** What is written: the file's name until it is whole. */
  readonly writtenPath: string;
  write(data: Uint8Array, offset: number): Promise<void>;
  /** Makes a range read as zeros. */
  zero(offset: number, length: number): Promise<void>;
  /** All is written: makes it durable. @returns the file that waits for its name, if it is one */
  finish(): Promise<PendingFile | undefined>;
  /** Gives up. @returns what is left of it, if anything, in words */
  discard(): Promise<string | undefined>;
}

export interface DriveTargetOptions {
  /** Whether a file that exists is replaced. */
  readonly overwrite: boolean;
  /** How files are written; `writeFully` unless given. */
  readonly writeAt?: WriteAt | undefined;
  /** See `PendingFileOptions`. */
  readonly onWarning?: OnWarning | undefined;
}

/**
 * Opens a path as the target of a drive: a block device that is there, or else a file to be made.
 * @throws `TARGET_TOO_SMALL`, `TARGET_KIND`, `IMAGE_IN_USE`, `FILE_EXISTS`; the system's error (`EBUSY` for a
 * mounted device)
 */
export async function openDriveTarget(
  device: VmaDevice,
  path: string,
  options: DriveTargetOptions,
): Promise<DriveTarget> {
  const existing = await stat(path).catch(() => undefined);
  if (existing?.isBlockDevice()) return openBlockDevice(device, path, await blockDeviceSize(existing.rdev));
  if (existing !== undefined && !existing.isFile()) {
    throw new ArchiveError('TARGET_KIND', `${path} is neither a regular file nor a block device`, {
      entry: path,
    });
  }
  return createDriveFile(device, path, options);
}

/**
 * Makes a file as the target of a drive, and nothing else. @throws `FILE_EXISTS`, `IMAGE_IN_USE`,
 * `TARGET_WRITE`
 */
export async function createDriveFile(
  device: VmaDevice,
  path: string,
  options: DriveTargetOptions,
): Promise<DriveTarget> {
  if (options.overwrite) requireUnusedImage(path);
  const file = await PendingFile.create(path, options);
  try {
    await file.handle.truncate(device.size);
  } catch (error) {
    await file.discard();
    const what = `${file.partialPath} cannot be made ${device.size} bytes long`;
    throw failedCall(error, 'TARGET_WRITE', what, path);
  }
  return new SparseFileTarget(file, options.writeAt ?? writeFully);
}

/** A new file: what is not written is a hole. */
class SparseFileTarget implements DriveTarget {
  constructor(
    private readonly file: PendingFile,
    private readonly writeAt: WriteAt,
  ) {}

  get path(): string {
    return this.file.path;
  }

  get writtenPath(): string {
    return this.file.partialPath;
  }

  write(data: Uint8Array, offset: number): Promise<void> {
    return this.writeAt(this.file.handle, data, offset);
  }

  async zero(): Promise<void> {}

  async finish(): Promise<PendingFile> {
    if (this.file.overwrite) requireUnusedImage(this.path);
    await this.file.seal();
    return this.file;
  }

  async discard(): Promise<undefined> {
    await this.file.discard();
  }
}

async function openBlockDevice(device: VmaDevice, path: string, size: number): Promise<DriveTarget> {
  if (size < device.size) {
    throw new ArchiveError(
      'TARGET_TOO_SMALL',
      `${path} has ${size} bytes, ${printableName(device.name)} needs ${device.size}`,
      { entry: device.name },
    );
  }
  requireUnusedImage(path);
  // O_EXCL: the kernel refuses a device that is mounted or otherwise in use.
  const handle = await open(path, constants.O_RDWR | constants.O_EXCL);
  return new BlockDeviceTarget(path, nameFile(handle, { path }));
}

const ZEROS = Buffer.alloc(1 << 20);

/** A block device holds old data, so zeros are written too. */
class BlockDeviceTarget implements DriveTarget {
  private written = false;
  private whole = false;
  private canZeroRange = true;

  constructor(
    readonly path: string,
    private readonly handle: FileHandle,
  ) {}

  get writtenPath(): string {
    return this.path;
  }

  async write(data: Uint8Array, offset: number): Promise<void> {
    this.written = true;
    await writeFully(this.handle, data, offset);
  }

  async zero(offset: number, length: number): Promise<void> {
    this.written = true;
    this.canZeroRange &&= zeroRange(this.handle.fd, offset, length);
    if (this.canZeroRange) return;
    for (let done = 0; done < length; done += ZEROS.length) {
      await writeFully(this.handle, ZEROS.subarray(0, Math.min(ZEROS.length, length - done)), offset + done);
    }
  }

  async finish(): Promise<undefined> {
    await onNamedFile(this.handle, async () => {
      await this.handle.sync();
      await this.handle.close();
    });
    this.whole = true;
  }

  async discard(): Promise<string | undefined> {
    await this.handle.close().catch(() => {}); // closed already when to finish it failed half-way
    return this.written && !this.whole
      ? `${this.path} was written in part: its content is of no use`
      : undefined;
  }
}
