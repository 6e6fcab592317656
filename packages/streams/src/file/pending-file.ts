import type { BigIntStats } from 'node:fs';
import { type FileHandle, open, rename, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isNotFound, type OnWarning } from '../diagnostics.js';
import {
  fileExists,
  hiddenName,
  isFileAt,
  isTaken,
  nameFile,
  onNamedFile,
  renameToNew,
} from './file-name.js';

export interface PendingFileOptions {
  readonly overwrite?: boolean | undefined;
  /** Where it stands until then: in the same directory, and not there yet. */
  readonly partialPath?: string | undefined;
  /** Its mode, less the umask; 0666 unless given. */
  readonly mode?: number | undefined;
  /** Told of what fails once the file has its name: `DIRECTORY_SYNC`, `FILE_LEFTOVER`. */
  readonly onWarning?: OnWarning | undefined;
}

/**
 * A file that comes to be under its final name only when it is complete. Until then it stands beside it as
 * `.vzdump-format-….partial`, unless another name is given, and `discard` removes it.
 */
export class PendingFile {
  /** What it is, once its content is durable. */
  private sealed: BigIntStats | undefined;
  private done = false;

  private constructor(
    readonly path: string,
    /** Where it stands until then. */
    readonly partialPath: string,
    readonly handle: FileHandle,
    /** Whether it replaces a file that has its name. */
    readonly overwrite: boolean,
    readonly onWarning: OnWarning | undefined,
  ) {}

  /**
   * @throws `FILE_EXISTS` unless `overwrite`; the system's error, with the name that was asked for, when no
   * file can be made there. Later errors of the system have the name under which it stands, and as `dest` the
   * one that it was to get.
   */
  static async create(path: string, options: PendingFileOptions = {}): Promise<PendingFile> {
    const { overwrite = false, mode, onWarning } = options;
    if (!overwrite && (await isTaken(path))) throw fileExists(path);
    const partialPath = options.partialPath ?? join(dirname(path), hiddenName('partial'));
    const handle = await open(partialPath, 'wx+', mode).catch((error: NodeJS.ErrnoException) => {
      throw error.code === 'EEXIST' ? error : Object.assign(error, { path });
    });
    nameFile(handle, { path: partialPath, dest: path });
    return new PendingFile(path, partialPath, handle, overwrite, onWarning);
  }

  /**
   * Makes the content durable, and closes the file: what can fail for want of room, or of a sound disk, fails
   * here.
   */
  async seal(): Promise<void> {
    if (this.sealed !== undefined) return;
    await onNamedFile(this.handle, async () => {
      await this.handle.sync();
      const status = await this.handle.stat({ bigint: true });
      await this.handle.close();
      this.sealed = status;
    });
  }

  /**
   * Makes the content durable and gives the file its name. With that it is done, whatever fails later.
   * @throws `FILE_EXISTS` when another came first; the system's error
   */
  async commit(): Promise<void> {
    await this.seal();
    try {
      if (this.overwrite) await rename(this.partialPath, this.path);
      else await renameToNew(this.partialPath, this.path);
    } catch (error) {
      if (!(await isFileAt(this.path, this.sealed!))) throw error;
      await this.removeSecondName();
    }
    this.done = true;
    await syncDirectory(dirname(this.path), this.onWarning);
  }

  /** Removes what was written; does nothing after `commit`. */
  async discard(): Promise<void> {
    if (this.done) return;
    this.done = true;
    await this.handle.close().catch(() => {}); // closed already when commit failed half-way
    await unlink(this.partialPath).catch(() => {});
  }

  private async removeSecondName(): Promise<void> {
    await unlink(this.partialPath).catch((error: NodeJS.ErrnoException) => {
      if (isNotFound(error)) return;
      const message = `${this.path} is written, but its temporary name could not be removed: ${error.message}`;
      this.onWarning?.({ code: 'FILE_LEFTOVER', message, entry: this.partialPath });
    });
  }
}

/**
 * Makes the names in a directory durable, where the file system can. What was to be named is there by then,
 * so that it may not outlast a power failure is the warning `DIRECTORY_SYNC`, and no error.
 */
export async function syncDirectory(path: string, onWarning: OnWarning | undefined): Promise<void> {
  try {
    await sync(path);
  } catch (error) {
    const message = `all is written, but the names in ${path} may not be on the disk: ${(error as Error).message}`;
    onWarning?.({
      code: 'DIRECTORY_SYNC',
      message,
      entry: path,
      hint: 'look after the disk; a power failure could take what was written',
    });
  }
}

/** EINVAL and ENOTSUP say that the file system has no such thing. */
async function sync(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EINVAL' && code !== 'ENOTSUP') throw error;
  } finally {
    await directory.close();
  }
}
