import { ArchiveError } from './archive-error.js';

/**
 * An error as it is, or, when it is the bare error of a system call (`EIO: i/o error, read`), one that says
 * what it happened to.
 * @param what the beginning of the sentence, as `drive-scsi0 cannot be read`
 */
export function failedCall(error: unknown, code: string, what: string, entry: string): unknown {
  if (error instanceof ArchiveError || !(error instanceof Error) || !('syscall' in error)) return error;
  return new ArchiveError(code, `${what}: ${error.message}`, { entry, cause: error });
}
