import { accessSync } from 'node:fs';
import { lstat, unlink } from 'node:fs/promises';
import { constants } from 'node:os';
import { isNotFound, useRenameNoReplace } from '@vzdump-format/streams';
import { AT_FDCWD, toCString } from '../native/arguments.js';
import { nativeCalls, systemError } from '../native/native-calls.js';

// What is asked of a file, or done to it, by its path.

/** Whether this process may read, write or search what is at a path. @param mode as in access(2): `W_OK` */
export function isAccessible(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}

/** The result; `undefined` when the file is not there. */
export async function ifThere<Value>(result: Promise<Value>): Promise<Value | undefined> {
  return result.catch((error: NodeJS.ErrnoException) => {
    if (isNotFound(error)) return undefined;
    throw error;
  });
}

/**
 * Whether something has that name, even if it is a symbolic link that points nowhere.
 * @throws the system's error when that cannot be told
 */
export async function isThere(path: string): Promise<boolean> {
  return (await ifThere(lstat(path))) !== undefined;
}

/** Removes a file, unless it is gone already. @throws the system's error */
export async function removeIfThere(path: string): Promise<void> {
  await ifThere(unlink(path));
}

const { EINVAL, ENOSYS } = constants.errno;

/** <linux/fs.h> */
const RENAME_NOREPLACE = 1;

/**
 * Renames a file unless the new name is taken.
 * @returns whether it could: there is no such call in old kernels, on some file systems, and without native
 * calls
 * @throws `EEXIST`
 */
export function renameNoReplace(from: string, to: string): boolean {
  const calls = nativeCalls();
  const [source, target] = [toCString(from), toCString(to)];
  if (calls === null || source === undefined || target === undefined) return false;
  if (calls.renameat2(AT_FDCWD, source, AT_FDCWD, target, RENAME_NOREPLACE) >= 0) return true;
  const errno = calls.errno();
  if (errno === EINVAL || errno === ENOSYS) return false;
  throw systemError(errno, 'renameat2', from);
}

useRenameNoReplace(renameNoReplace); // pending files get their names so
