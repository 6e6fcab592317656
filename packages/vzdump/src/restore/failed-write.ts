import { printableName } from '@vzdump-format/posix';
import { failedCall } from '@vzdump-format/streams';

/**
 * The bare error of a system call (`ENOSPC: no space left on device, write`) → one that says what it happened
 * to.
 */
export function failedWrite(error: unknown, path: string): unknown {
  return failedCall(error, 'TARGET_WRITE', `${printableName(path)} cannot be written`, path);
}
