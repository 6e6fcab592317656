import { printableName } from '@vzdump-format/posix';
import { ArchiveError } from '@vzdump-format/streams';

/**
 * The bare error of a system call (`ENOSPC: no space left on device, write`) → one that says what it happened
 * to.
 */
export function failedWrite(error: unknown, path: string): unknown {
  if (error instanceof ArchiveError || !(error instanceof Error) || !('syscall' in error)) return error;
  return new ArchiveError('TARGET_WRITE', `${printableName(path)} cannot be written: ${error.message}`, {
    entry: path,
    cause: error,
  });
}
