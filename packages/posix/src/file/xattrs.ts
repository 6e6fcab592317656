import { requireNativeCalls } from '../native/native-calls.js';
import { getXattrOf, listXattrsOf, removeXattrOf, setXattrOf } from '../native/xattr-calls.js';

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
