import { constants } from 'node:os';
import { invalid, ioctlThatReads, ioctlThatWrites, isU32 } from '../native/arguments.js';
import { type NativeCalls, requireNativeCalls, systemError } from '../native/native-calls.js';
import { getXattrOf, listXattrsOf, removeXattrOf, setXattrOf } from '../native/xattr-calls.js';

// What ext4, XFS, btrfs and others keep beside mode and owner, of an open file or directory. Not to be used
// on devices, whose drivers would take the calls for their own. All throw Node-style errors, `ENOSYS` without
// native calls.

const { EINVAL, ENOSYS, ENOTSUP, ENOTTY } = constants.errno;

// <linux/fs.h>. The first two are declared with a `long` and work on an `int`.
const FS_IOC_GETFLAGS = ioctlThatReads(0x66, 1, 8);
const FS_IOC_SETFLAGS = ioctlThatWrites(0x66, 2, 8);
const FS_IOC_FSGETXATTR = ioctlThatReads(0x58, 31, 28);
const FS_IOC_FSSETXATTR = ioctlThatWrites(0x58, 32, 28);

/** How file systems say that they have no such thing. */
const NOT_THERE: ReadonlySet<number> = new Set([ENOTTY, ENOTSUP, ENOSYS, EINVAL]);

/** The flags, and what a kernel that took the declaration at its word would write behind them. */
const flagBits = new Uint32Array(2);
/**
 * `struct fsxattr`: u32 xflags, extent size, extents, project, copy-on-write extent size, 8 bytes reserved.
 */
const fsxattr = new Uint32Array(7);
const PROJECT = 3;

/** `FS_*_FL` bits, what `lsattr` shows; `undefined` where the file system has none. */
export function getFlags(fd: number): number | undefined {
  return read(requireNativeCalls('ioctl'), fd, FS_IOC_GETFLAGS, flagBits) ? flagBits[0] : undefined;
}

/** Sets all of them anew. @throws `ENOTSUP` or `ENOTTY` where the file system does not have them; `EPERM` */
export function setFlags(fd: number, flags: number): void {
  if (!isU32(flags)) throw invalid('ioctl');
  flagBits[0] = flags;
  write(requireNativeCalls('ioctl'), fd, FS_IOC_SETFLAGS, flagBits);
}

/**
 * The project that the file counts towards, 0 unless one was set; `undefined` where the file system has none.
 */
export function getQuotaProject(fd: number): number | undefined {
  return read(requireNativeCalls('ioctl'), fd, FS_IOC_FSGETXATTR, fsxattr) ? fsxattr[PROJECT] : undefined;
}

/** @throws `ENOTSUP` or `ENOTTY` where the file system has no projects; `EPERM` */
export function setQuotaProject(fd: number, project: number): void {
  if (!isU32(project)) throw invalid('ioctl');
  const calls = requireNativeCalls('ioctl');
  if (!read(calls, fd, FS_IOC_FSGETXATTR, fsxattr)) throw systemError(calls.errno(), 'ioctl');
  fsxattr[PROJECT] = project;
  write(calls, fd, FS_IOC_FSSETXATTR, fsxattr);
}

/** Whether there is such a thing. */
function read(calls: NativeCalls, fd: number, request: number, into: Uint32Array): boolean {
  if (calls.ioctl(fd, request, 'void *', into) >= 0) return true;
  const errno = calls.errno();
  if (NOT_THERE.has(errno)) return false;
  throw systemError(errno, 'ioctl');
}

function write(calls: NativeCalls, fd: number, request: number, from: Uint32Array): void {
  if (calls.ioctl(fd, request, 'void *', from) < 0) throw systemError(calls.errno(), 'ioctl');
}

// Extended attributes of an open file or directory. POSIX ACLs and capabilities are among them (xattr(7)).
// All throw Node-style errors, `ENOSYS` without native calls.

/** The names; none where the file system has no such thing. */
export function listXattrs(fd: number): string[] {
  return listXattrsOf(requireNativeCalls('flistxattr').fileXattrs, fd);
}

/** `undefined` when there is none of that name. */
export function getXattr(fd: number, attribute: string): Buffer | undefined {
  return getXattrOf(requireNativeCalls('fgetxattr').fileXattrs, fd, attribute);
}

/** Sets it, whether there was one or not. @throws `ENOTSUP` where the file system has no such thing */
export function setXattr(fd: number, attribute: string, value: Uint8Array): void {
  setXattrOf(requireNativeCalls('fsetxattr').fileXattrs, fd, attribute, value);
}

/** @throws `ENODATA` when there is none of that name */
export function removeXattr(fd: number, attribute: string): void {
  removeXattrOf(requireNativeCalls('fremovexattr').fileXattrs, fd, attribute);
}
