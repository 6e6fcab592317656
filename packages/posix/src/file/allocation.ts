import { constants } from 'node:os';
import { ioctlThatWrites } from '../native/arguments.js';
import {
  nativeCalls,
  nativeCallsAvailable,
  requireNativeCalls,
  systemError,
} from '../native/native-calls.js';

// Which space a file has, and where its holes are. What changes its space gives `false` where the system or
// the file system cannot. All throw Node-style errors.

const { EINVAL, ENODEV, ENOSYS, ENOTSUP, ENOTTY, ENXIO, EXDEV } = constants.errno;

// <linux/falloc.h>
const FALLOC_FL_KEEP_SIZE = 0x01;
const FALLOC_FL_PUNCH_HOLE = 0x02;
const FALLOC_FL_ZERO_RANGE = 0x10;

/** `FICLONE` in <linux/fs.h> */
const FICLONE = ioctlThatWrites(0x94, 9, 4);

/** How fallocate(2) says that it cannot. EOPNOTSUPP has the number of ENOTSUP on Linux. */
const NOT_POSSIBLE: ReadonlySet<number> = new Set([ENOTSUP, EINVAL, ENOSYS, ENODEV]);

/** How FICLONE does (ioctl_ficlone(2)); EXDEV is another file system, EINVAL also one file onto itself. */
const NOT_CLONEABLE: ReadonlySet<number> = new Set([ENOTSUP, EINVAL, ENOSYS, ENOTTY, EXDEV]);

/**
 * Makes a range of a file or block device read as zeros without writing them. The size stays.
 * @returns whether it could: if not, the zeros have to be written.
 */
export function zeroRange(fd: number, offset: number, length: number): boolean {
  return fallocate(fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_ZERO_RANGE, offset, length);
}

/** Gives the space of a range back; it reads as zeros. The size stays. */
export function punchHole(fd: number, offset: number, length: number): boolean {
  return fallocate(fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, offset, length);
}

/**
 * Takes space for a range, so that writing there cannot fail for lack of space. A file that ends before the
 * range's end becomes longer. @throws `ENOSPC`
 */
export function allocate(fd: number, offset: number, length: number): boolean {
  return fallocate(fd, 0, offset, length);
}

/** Makes the file `toFd` hold what `fromFd` holds, and share its space until one of them is written to. */
export function cloneFile(fromFd: number, toFd: number): boolean {
  const calls = nativeCalls();
  if (calls === null) return false;
  if (calls.ioctl(toFd, FICLONE, 'int', fromFd) >= 0) return true;
  const errno = calls.errno();
  if (NOT_CLONEABLE.has(errno)) return false;
  throw systemError(errno, 'ioctl');
}

function fallocate(fd: number, mode: number, offset: number, length: number): boolean {
  const calls = nativeCalls();
  if (calls === null) return false;
  if (calls.fallocate(fd, mode, offset, length) >= 0) return true;
  const errno = calls.errno();
  if (NOT_POSSIBLE.has(errno)) return false;
  throw systemError(errno, 'fallocate');
}

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
