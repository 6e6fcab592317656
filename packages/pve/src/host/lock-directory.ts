import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { lockFile } from '@vzdump-format/posix';

/** Between two attempts, in milliseconds. */
const PAUSE = 20;

/**
 * Does something while no other that asks for the same directory does (flock(2)). Where there are no such
 * locks, it is done without.
 * @throws the signal's reason, while it waits
 */
export async function withDirectoryLocked<Result>(
  path: string,
  action: () => Promise<Result>,
  signal?: AbortSignal,
): Promise<Result> {
  const directory = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    while (isLockedByOthers(directory.fd)) await sleep(PAUSE, undefined, { signal });
    return await action();
  } finally {
    await directory.close();
  }
}

function isLockedByOthers(fd: number): boolean {
  try {
    return !lockFile(fd, { exclusive: true });
  } catch {
    return false;
  }
}
