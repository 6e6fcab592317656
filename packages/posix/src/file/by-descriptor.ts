import { fchmodSync, fchownSync, fstatSync, futimesSync } from 'node:fs';
import { constants } from 'node:os';
import type { TimeToSet } from '../directory/directory.js';
import { areIds, invalid } from '../native/arguments.js';
import { nativeCalls, systemError } from '../native/native-calls.js';
import { decodeStatx, STATX_BASIC_STATS, statxBuffer } from '../native/statx.js';
import type { FileStatus } from './file-status.js';
import { statusFromNode } from './file-status.js';
import { encodeTimes, nodeTime } from './times.js';

// Of an open file or directory. All throw Node-style errors.

const { EOVERFLOW } = constants.errno;

// <fcntl.h>
const AT_EMPTY_PATH = 0x1000;

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
