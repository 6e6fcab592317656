import { nativeCalls } from '../native/native-calls.js';

/** <fcntl.h> */
const F_SETPIPE_SZ = 1031;

/**
 * Asks for a larger buffer of a pipe, which is 64 KiB at first. Only speed depends on it, so it does not
 * fail.
 * @returns the size that it has now, which may be larger; `undefined` where it stayed as it was: it is no
 * pipe, or more than this user may have (/proc/sys/fs/pipe-max-size), or there are no native calls.
 */
export function setPipeSize(fd: number, bytes: number): number | undefined {
  const size = nativeCalls()?.fcntl(fd, F_SETPIPE_SZ, 'int', bytes) ?? -1;
  return size < 0 ? undefined : size;
}
