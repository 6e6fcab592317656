import { constants } from 'node:os';
import { requireNativeCalls, systemError } from '../native/native-calls.js';

const { EAGAIN } = constants.errno;

// <sys/file.h>
const LOCK_SH = 1;
const LOCK_EX = 2;
const LOCK_NB = 4;
const LOCK_UN = 8;

/**
 * Takes a lock on a whole file (flock(2)) without waiting for it: for one `exclusive` holder or many others.
 * A holder who asks again changes from one to the other. It is held until `unlockFile`, or until every copy
 * of the descriptor is closed.
 * @returns whether it could: if not, someone else holds it.
 * @throws a Node-style error; `ENOSYS` without native calls
 */
export function lockFile(fd: number, { exclusive }: { exclusive: boolean }): boolean {
  const calls = requireNativeCalls('flock');
  if (calls.flock(fd, (exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB) >= 0) return true;
  const errno = calls.errno();
  if (errno === EAGAIN) return false;
  throw systemError(errno, 'flock');
}

/** Gives up a lock; nothing happens when there is none. */
export function unlockFile(fd: number): void {
  const calls = requireNativeCalls('flock');
  if (calls.flock(fd, LOCK_UN) < 0) throw systemError(calls.errno(), 'flock');
}
