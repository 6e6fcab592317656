import { constants } from 'node:os';
import { useRenameNoReplace } from '@vzdump-format/streams';
import { AT_FDCWD, toCString } from '../native/arguments.js';
import { nativeCalls, systemError } from '../native/native-calls.js';

const { EINVAL, ENOSYS } = constants.errno;

/** <linux/fs.h> */
const RENAME_NOREPLACE = 1;

/**
 * `RenameNoReplace`; there is no such call in old kernels, on some file systems, and without native calls.
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

useRenameNoReplace(renameNoReplace);
