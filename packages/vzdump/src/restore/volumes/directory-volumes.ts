import { chmod, type FileHandle, lstat, mkdir, open, readdir, rename, rm, rmdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import {
  makeDirectories,
  removeEmptyDirectories,
  removeTree,
  requireUnusedImage,
} from '@vzdump-format/posix';
import { contentDirectory, type DirectoryStorage, resolveVolume } from '@vzdump-format/pve';
import {
  ArchiveError,
  CommittedFile,
  hiddenName,
  isFileAt,
  isNotFound,
  nameFile,
  type OnWarning,
  onNamedFile,
  PendingFile,
  type PendingFileOptions,
  syncDirectory,
} from '@vzdump-format/streams';
import {
  run,
  type StagedVolume,
  type VolumePlace,
  type VolumeRequest,
  type VolumeStore,
} from './volume-store.js';

/**
 * Volumes as files and directories: `images/VMID/vm-VMID-disk-0.raw`. On btrfs, directories are subvolumes,
 * and a raw image is a file in a subvolume of its own.
 */
export class DirectoryVolumes implements VolumeStore {
  private readonly kind: DirectoryKind;

  constructor(private readonly storage: DirectoryStorage) {
    this.kind = storage.btrfs ? subvolume : plainDirectory;
  }

  async list(vmid: number): Promise<readonly string[]> {
    const { id, btrfs } = this.storage;
    const names = await readdir(join(contentDirectory(this.storage, 'images'), String(vmid))).catch(
      ifMissing,
    );
    const volumes = names.flatMap((name) => {
      if (/\.(?:raw|qcow2|vmdk|subvol)$/.test(name)) return [name];
      return btrfs && /^(?:vm|base)-/.test(name) ? [`${name}.raw`] : [];
    });
    return volumes.map((name) => `${id}:${vmid}/${name}`);
  }

  async makeImage({ volume, onWarning }: VolumeRequest): Promise<StagedVolume> {
    const path = this.pathOf(volume);
    const isInSubvolume = this.storage.btrfs && volume.endsWith('.raw');
    return isInSubvolume
      ? StagedSubvolumeImage.create(volume, path, this.kind, onWarning)
      : StagedFile.create(volume, path, { onWarning });
  }

  makeDirectory({ volume, onWarning }: VolumeRequest): Promise<StagedVolume> {
    return StagedDirectory.create(volume, this.pathOf(volume), this.kind, onWarning);
  }

  async remove(volume: string): Promise<void> {
    const path = this.pathOf(volume);
    if (volume.endsWith('.subvol')) await this.kind.remove(path);
    else if (this.storage.btrfs && volume.endsWith('.raw')) await this.kind.remove(dirname(path));
    else await rm(path);
  }

  private pathOf(volume: string): string {
    return resolveVolume(new Map([[this.storage.id, this.storage]]), volume).path;
  }
}

const subvolume: DirectoryKind = {
  make: async (path) => {
    await run('btrfs', 'subvolume', 'create', path);
  },
  remove: async (path) => {
    await run('btrfs', 'subvolume', 'delete', path);
  },
};

function ifMissing(error: NodeJS.ErrnoException): string[] {
  if (isNotFound(error)) return [];
  throw error;
}

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

/** How a directory is made, and removed with all that is in it. */
export interface DirectoryKind {
  make(path: string): Promise<void>;
  remove(path: string): Promise<void>;
}

export const plainDirectory: DirectoryKind = {
  make: (path) => mkdir(path),
  remove: removeTree,
};

/** The mode of a new volume's root, unless the archive says another. */
const ROOT_MODE = 0o755;

/** A volume that is a directory, under a hidden name beside its own until it is whole. */
export class StagedDirectory implements StagedVolume {
  private committed = false;

  private constructor(
    readonly volume: string,
    readonly path: string,
    private readonly partialPath: string,
    private readonly kind: DirectoryKind,
    private readonly madeAbove: readonly string[],
    private readonly onWarning: OnWarning | undefined,
  ) {}

  /** @throws `FILE_EXISTS` */
  static async create(
    volume: string,
    path: string,
    kind: DirectoryKind,
    onWarning: OnWarning | undefined,
  ): Promise<StagedDirectory> {
    await requireFree(path);
    const madeAbove = makeDirectories(dirname(path));
    const partialPath = join(dirname(path), hiddenName('partial'));
    try {
      await kind.make(partialPath);
      await chmod(partialPath, ROOT_MODE);
    } catch (error) {
      await kind.remove(partialPath).catch(() => {}); // what failed may have been to make it
      removeEmptyDirectories(madeAbove);
      throw error;
    }
    return new StagedDirectory(volume, path, partialPath, kind, madeAbove, onWarning);
  }

  get place(): VolumePlace {
    return { kind: 'directory', path: this.partialPath };
  }

  /**
   * Reserves the name by an empty directory, which `rename` then replaces: nothing that was there is lost.
   */
  async commit(): Promise<void> {
    await run('sync', '--file-system', this.partialPath);
    await mkdir(this.path).catch((error: NodeJS.ErrnoException) => {
      throw error.code === 'EEXIST' ? taken(this.path) : error;
    });
    const status = await lstat(this.partialPath, { bigint: true });
    try {
      await rename(this.partialPath, this.path);
    } catch (error) {
      if (!(await isFileAt(this.path, status))) {
        await rmdir(this.path).catch(() => {}); // the first failure is what counts
        throw error;
      }
    }
    this.committed = true;
    await syncDirectory(dirname(this.path), this.onWarning);
  }

  async remove(): Promise<void> {
    await this.kind.remove(this.committed ? this.path : this.partialPath);
    removeEmptyDirectories(this.madeAbove);
  }
}

async function requireFree(path: string): Promise<void> {
  const isThere = await lstat(path).then(
    () => true,
    () => false,
  );
  if (isThere) throw taken(path);
}

function taken(path: string): ArchiveError {
  return new ArchiveError('FILE_EXISTS', `${path} exists already`, { entry: path });
}

/**
 * A raw image on btrfs: the file `disk.raw` in a subvolume of its own, which is what gets a name in the end.
 */
class StagedSubvolumeImage implements StagedVolume {
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
