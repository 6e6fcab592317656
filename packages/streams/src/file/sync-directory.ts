import { open } from 'node:fs/promises';
import type { OnWarning } from '../archive-error.js';

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
