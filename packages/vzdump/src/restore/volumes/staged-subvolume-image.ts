import { type FileHandle, open } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { nameFile, type OnWarning, onNamedFile } from '@vzdump-format/streams';
import { type DirectoryKind, StagedDirectory } from './staged-directory.js';
import type { StagedVolume, VolumePlace } from './volume-store.js';

/** A guest's disk is not for all to read. */
const IMAGE_MODE = 0o640;

/**
 * A raw image on btrfs: the file `disk.raw` in a subvolume of its own, which is what gets a name in the end.
 */
export class StagedSubvolumeImage implements StagedVolume {
  readonly place: VolumePlace;

  private constructor(
    readonly path: string,
    private readonly subvolume: StagedDirectory,
    private readonly handle: FileHandle,
    filePath: string,
  ) {
    this.place = { kind: 'file', path: filePath, handle };
  }

  static async create(
    volume: string,
    path: string,
    kind: DirectoryKind,
    onWarning: OnWarning | undefined,
  ): Promise<StagedSubvolumeImage> {
    const subvolume = await StagedDirectory.create(volume, dirname(path), kind, onWarning);
    try {
      const filePath = join(subvolume.place.path, basename(path));
      const handle = nameFile(await open(filePath, 'wx+', IMAGE_MODE), { path: filePath, dest: path });
      return new StagedSubvolumeImage(path, subvolume, handle, filePath);
    } catch (error) {
      await subvolume.remove();
      throw error;
    }
  }

  get volume(): string {
    return this.subvolume.volume;
  }

  async commit(): Promise<void> {
    await onNamedFile(this.handle, async () => {
      await this.handle.sync();
      await this.handle.close();
    });
    await this.subvolume.commit();
  }

  async remove(): Promise<void> {
    await this.handle.close().catch(() => {}); // closed already once it was committed
    await this.subvolume.remove();
  }
}
