import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { bytesToPath, removeTree } from '@vzdump-format/posix';
import { ArchiveError, type OnWarning } from '@vzdump-format/streams';
import { run } from '../run.js';
import { plainDirectory, StagedDirectory } from './staged-directory.js';
import type { StagedVolume } from './staged-volume.js';

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
    if (error.code === 'ENOENT') return undefined;
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
