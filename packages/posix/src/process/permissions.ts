import { accessSync } from 'node:fs';
import { nativeCallsAvailable } from '../native/native-calls.js';

/** What is lost for want of native calls, one sentence for a warning; `undefined` when nothing is. */
export function missingCapabilities(): string | undefined {
  if (nativeCallsAvailable()) return undefined;
  return (
    'without native calls (64-bit Linux with koffi), extended attributes, ACLs, capabilities, file flags, quota projects, ' +
    'devices, FIFOs, sockets and holes are not kept, times are exact to the microsecond, and nothing guards against ' +
    'others who change the tree meanwhile'
  );
}

/**
 * Whether we may do that with what is there. @param mode as `access(2)` takes it: `constants.W_OK` and the
 * like
 */
export function isAccessible(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}
