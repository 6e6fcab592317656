import type { FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { makeDirectories, removeEmptyDirectories, requireUnusedImage } from '@vzdump-format/posix';
import { CommittedFile, onNamedFile, PendingFile, type PendingFileOptions } from '@vzdump-format/streams';
import type { StagedVolume, VolumePlace } from './volume-store.js';

/** A guest's disk is not for all to read. */
const IMAGE_MODE = 0o640;

/** A disk image as a file, under a hidden name beside its own until it is whole. */
export class StagedFile implements StagedVolume {
  readonly place: VolumePlace;
  private committed: CommittedFile | undefined;

  private constructor(
    readonly volume: string,
    private readonly file: PendingFile,
    private readonly madeAbove: readonly string[],
  ) {
    this.place = { kind: 'file', path: file.partialPath, handle: file.handle };
  }

  /**
   * @param volume what the configuration calls it
   * @throws `FILE_EXISTS` unless `overwrite`; what was replaced is there again after `remove`
   */
  static async create(volume: string, path: string, options: PendingFileOptions): Promise<StagedFile> {
    const madeAbove = makeDirectories(dirname(path));
    try {
      const file = await PendingFile.create(path, options);
      await onNamedFile(file.handle, () => file.handle.chmod(IMAGE_MODE)).catch(async (error) => {
        await file.discard();
        throw error;
      });
      return new StagedFile(volume, file, madeAbove);
    } catch (error) {
      removeEmptyDirectories(madeAbove);
      throw error;
    }
  }

  get path(): string {
    return this.file.path;
  }

  get handle(): FileHandle {
    return this.file.handle;
  }

  async commit(): Promise<void> {
    if (this.file.overwrite) requireUnusedImage(this.path);
    this.committed = await CommittedFile.commit(this.file);
  }

  async remove(): Promise<void> {
    if (this.committed === undefined) await this.file.discard();
    else await this.committed.takeBack();
    removeEmptyDirectories(this.madeAbove);
  }

  async release(): Promise<void> {
    await this.committed?.settle();
  }
}
