import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { writtenFormat } from '@vzdump-format/disk';
import { bytesToPath, printableName, removeTree, requireUnusedImage } from '@vzdump-format/posix';
import { ArchiveError, isNotFound, type OnWarning, type PendingFileOptions } from '@vzdump-format/streams';
import { plainDirectory, StagedDirectory, StagedFile } from './directory-volumes.js';
import { run, type StagedVolume } from './volume-store.js';

/**
 * A directory that the user chose for a container's files: one to be made, or one that is there and empty.
 * @param path absolute
 * @throws `RESTORE_MOUNT_POINTS` for anything else that is there
 */
export async function stageChosenDirectory(
  path: string,
  onWarning: OnWarning | undefined,
): Promise<StagedVolume> {
  const names = await readdir(path).catch((error: NodeJS.ErrnoException) => {
    if (isNotFound(error)) return undefined;
    throw error.code === 'ENOTDIR' ? refused(path, 'is no directory') : error;
  });
  if (names === undefined) return StagedDirectory.create(path, path, plainDirectory, onWarning);
  if (names.length > 0) throw refused(path, 'is not empty');
  return {
    volume: path,
    path,
    place: { kind: 'directory', path },
    commit: async () => {
      await run('sync', '--file-system', path);
    },
    remove: async () => {
      for (const name of await readdir(path, 'buffer')) await removeTree(join(path, bytesToPath(name)));
    },
  };
}

function refused(path: string, why: string): ArchiveError {
  return new ArchiveError('RESTORE_MOUNT_POINTS', `${path} ${why}`, {
    entry: path,
    hint: 'choose a directory that is empty, or is not there yet',
  });
}

/**
 * A path that the user chose for a drive: a block device that is there, or a file to be made.
 * @param path absolute
 * @throws `TARGET_KIND`, `IMAGE_IN_USE`; `FILE_EXISTS` unless `overwrite`
 */
export async function stageChosenTarget(path: string, options: PendingFileOptions): Promise<StagedVolume> {
  const existing = await stat(path).catch(() => undefined);
  if (existing !== undefined) requireUnusedImage(path);
  if (existing?.isBlockDevice()) {
    return {
      volume: path,
      path,
      place: { kind: 'device', path, zeroed: false },
      commit: async () => {},
      remove: async () => {},
    };
  }
  if (existing !== undefined && !existing.isFile()) {
    const message = `${printableName(path)} is neither a regular file nor a block device`;
    throw new ArchiveError('TARGET_KIND', message, { entry: path });
  }
  writtenFormat(path);
  return StagedFile.create(path, path, options);
}
