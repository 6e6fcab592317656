import { stat } from 'node:fs/promises';
import { printableName, requireUnusedImage } from '@vzdump-format/posix';
import { ArchiveError, type PendingFileOptions } from '@vzdump-format/streams';
import { StagedFile } from './staged-file.js';
import type { StagedVolume } from './staged-volume.js';

/**
 * A path that the user chose for a drive: a block device that is there, or a file to be made.
 * @param path absolute
 * @throws `TARGET_KIND`, `IMAGE_IN_USE`; `FILE_EXISTS` unless `overwrite`
 */
export async function stageChosenTarget(path: string, options: PendingFileOptions): Promise<StagedVolume> {
  if (path.endsWith('.vmdk')) {
    throw targetError(`${printableName(path)}: vmdk images cannot be written`, 'choose .raw or .qcow2');
  }
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
    throw targetError(`${printableName(path)} is neither a regular file nor a block device`);
  }
  return StagedFile.create(path, path, options);
}

function targetError(message: string, hint?: string): ArchiveError {
  return new ArchiveError('TARGET_KIND', message, { hint });
}
