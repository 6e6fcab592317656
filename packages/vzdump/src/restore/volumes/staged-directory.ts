import { chmod, lstat, mkdir, rename, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { makeDirectories, removeEmptyDirectories, removeTree } from '@vzdump-format/posix';
import { ArchiveError, hiddenName, isFileAt, type OnWarning, syncDirectory } from '@vzdump-format/streams';
import { run } from '../run.js';
import type { StagedVolume, VolumePlace } from './volume-store.js';

/** How a directory comes to be, and goes with all that is in it. */
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
   * `rename` takes the place of an empty directory: the one that reserves the name, and nothing that was
   * there.
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
