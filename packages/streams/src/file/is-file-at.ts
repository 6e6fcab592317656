import type { BigIntStats } from 'node:fs';
import { lstat } from 'node:fs/promises';

/**
 * Whether a file has this name. It may, though the call that was to give it the name has failed: the server
 * of a network file system can die between what it does and its answer.
 */
export async function isFileAt(path: string, file: BigIntStats): Promise<boolean> {
  const found = await lstat(path, { bigint: true }).catch(() => undefined);
  return found?.ino === file.ino && found.dev === file.dev;
}
