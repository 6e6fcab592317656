import { closeSync, fchmodSync, fchownSync, fstatSync, futimesSync, readSync, writeSync } from 'node:fs';
import { constants } from 'node:os';
import type { TimeToSet } from '../directory/directory.js';
import { AT_EMPTY_PATH, areIds, invalid } from '../native/arguments.js';
import { nativeCalls, requireNativeCalls, systemError } from '../native/native-calls.js';
import { decodeStatx, encodeTimes, nodeTime, STATX_BASIC_STATS, statxBuffer } from '../native/structs.js';
import { type FileStatus, statusFromNode } from './file-status.js';

// What is done to an open file or directory, by its descriptor. All throw Node-style errors.

const { EOVERFLOW } = constants.errno;

/** What the system tells of it. */
export function fileStatus(fd: number): FileStatus {
  const calls = nativeCalls();
  if (calls === null) return statusFromNode(fstatSync(fd, { bigint: true }));
  if (calls.statx(fd, '', AT_EMPTY_PATH, STATX_BASIC_STATS, statxBuffer) < 0)
    throw systemError(calls.errno(), 'statx');
  const status = decodeStatx();
  if (status === undefined) throw systemError(EOVERFLOW, 'statx');
  return status;
}

/** @throws `EINVAL` for what are no ids of 32 bits */
export function setOwner(fd: number, uid: number, gid: number): void {
  if (!areIds(uid, gid)) throw invalid('fchown');
  const calls = nativeCalls();
  if (calls === null) fchownSync(fd, uid, gid);
  else if (calls.fchown(fd, uid, gid) < 0) throw systemError(calls.errno(), 'fchown');
}

/** Changing the owner takes setuid and setgid away, so the mode comes after it. */
export function setMode(fd: number, mode: number): void {
  const calls = nativeCalls();
  if (calls === null) fchmodSync(fd, mode);
  else if (calls.fchmod(fd, mode) < 0) throw systemError(calls.errno(), 'fchmod');
}

/** To the nanosecond, as far as the file system keeps them; without native calls to the microsecond. */
export function setTimes(fd: number, accessed: TimeToSet, modified: TimeToSet): void {
  const times = encodeTimes(accessed, modified);
  if (times === undefined) throw invalid('futimens');
  const calls = nativeCalls();
  if (calls === null) setTimesWithNode(fd, accessed, modified);
  else if (calls.futimens(fd, times) < 0) throw systemError(calls.errno(), 'futimens');
}

function setTimesWithNode(fd: number, accessed: TimeToSet, modified: TimeToSet): void {
  const current = fstatSync(fd, { bigint: true });
  futimesSync(fd, nodeTime(accessed, current.atimeNs), nodeTime(modified, current.mtimeNs));
}

// What `node:fs` has, too: called natively, each costs half a microsecond less, which shows where files are
// small and many. For regular files.

/**
 * Reads once, into `buffer` or its first `length` bytes, at `position` or (without one) from where the
 * descriptor stands.
 * @returns bytes read; 0 at the end
 */
export function readBytes(
  fd: number,
  buffer: Uint8Array,
  position?: number,
  length: number = buffer.length,
): number {
  const calls = nativeCalls();
  if (calls === null) return readSync(fd, buffer, 0, length, position ?? null);
  const count =
    position === undefined ? calls.read(fd, buffer, length) : calls.pread(fd, buffer, length, position);
  if (count < 0) throw systemError(calls.errno(), 'read');
  return count;
}

/** Writes all of `bytes`, at `position` or (without one) where the descriptor stands. */
export function writeBytes(fd: number, bytes: Uint8Array, position?: number): void {
  for (let done = 0; done < bytes.length; ) {
    const rest = done === 0 ? bytes : bytes.subarray(done);
    done += writeOnce(fd, rest, position === undefined ? undefined : position + done);
  }
}

/** Closes what this package, or `openSync`, opened. */
export function closeFile(fd: number): void {
  const calls = nativeCalls();
  if (calls === null) closeSync(fd);
  else if (calls.close(fd) < 0) throw systemError(calls.errno(), 'close');
}

function writeOnce(fd: number, bytes: Uint8Array, position: number | undefined): number {
  const calls = nativeCalls();
  if (calls === null) return writeSync(fd, bytes, 0, bytes.length, position ?? null);
  const count =
    position === undefined
      ? calls.write(fd, bytes, bytes.length)
      : calls.pwrite(fd, bytes, bytes.length, position);
  if (count < 0) throw systemError(calls.errno(), 'write');
  return count;
}

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
