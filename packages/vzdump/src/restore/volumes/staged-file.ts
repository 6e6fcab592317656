import { type FileHandle, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { makeDirectories, removeEmptyDirectories } from '@vzdump-format/posix';
import { PendingFile } from '@vzdump-format/streams';
import type { StagedVolume, VolumePlace } from './staged-volume.js';

/** A guest's disk is not for all to read. */
const IMAGE_MODE = 0o640;

/** A disk image as a file, under a hidden name beside its own until it is whole. */
export class StagedFile implements StagedVolume {
  readonly place: VolumePlace;
  private committed = false;

  private constructor(
    readonly volume: string,
    private readonly file: PendingFile,
    private readonly replaces: boolean,
    private readonly madeAbove: readonly string[],
  ) {
    this.place = { kind: 'file', path: file.partialPath, handle: file.handle };
  }

  /**
   * @param volume what the configuration calls it
   * @throws `FILE_EXISTS` unless `overwrite`; a file that was replaced does not come back with `remove`
   */
  static async create(volume: string, path: string, overwrite = false): Promise<StagedFile> {
    const madeAbove = makeDirectories(dirname(path));
    try {
      const file = await PendingFile.create(path, { overwrite });
      await file.handle.chmod(IMAGE_MODE).catch(async (error) => {
        await file.discard();
        throw error;
      });
      return new StagedFile(volume, file, overwrite, madeAbove);
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
    await this.file.commit();
    this.committed = true;
  }

  /** What took another's place, and is whole, is better than nothing: it stays. */
  async remove(): Promise<void> {
    if (!this.committed) await this.file.discard();
    else if (!this.replaces) await rm(this.path, { force: true });
    removeEmptyDirectories(this.madeAbove);
  }
}
