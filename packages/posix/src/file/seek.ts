import { constants } from 'node:os';
import { nativeCallsAvailable, requireNativeCalls, systemError } from '../native/native-calls.js';

const { ENXIO } = constants.errno;

// <unistd.h> on Linux
const SEEK_DATA = 3;
const SEEK_HOLE = 4;

/** Whether holes can be asked for on this system at all. */
export function canSeekData(): boolean {
  return nativeCallsAvailable();
}

/**
 * The first offset at or after `offset` that is not in a hole, or `undefined` when only a hole follows.
 * @throws a Node-style error; `EINVAL` where the file system (or a block device) does not know of holes.
 */
export function seekData(fd: number, offset: number): number | undefined {
  const calls = requireNativeCalls('lseek');
  const position = calls.lseek(fd, offset, SEEK_DATA);
  if (position >= 0) return position;
  const errno = calls.errno();
  if (errno === ENXIO) return undefined;
  throw systemError(errno, 'lseek');
}

/** The first offset at or after `offset` that is in a hole; the end of the file counts as one. */
export function seekHole(fd: number, offset: number): number {
  const calls = requireNativeCalls('lseek');
  const position = calls.lseek(fd, offset, SEEK_HOLE);
  if (position < 0) throw systemError(calls.errno(), 'lseek');
  return position;
}
