import { nativeLibrary, systemError } from './native.js';

// <linux/falloc.h>
const FALLOC_FL_KEEP_SIZE = 0x01;
const FALLOC_FL_ZERO_RANGE = 0x10;

let fallocate: ((fd: number, mode: number, offset: number, length: number) => void) | null | undefined;

function bindFallocate(): typeof fallocate {
  const library = nativeLibrary();
  if (library === null) return null;
  const call = library.bind('int fallocate(int fd, int mode, int64_t offset, int64_t length)');
  return (fd, mode, offset, length) => {
    if (Number(call(fd, mode, offset, length)) < 0) throw systemError(library.errno(), 'fallocate');
  };
}

/** How the system says that it cannot. EOPNOTSUPP has the number of ENOTSUP on Linux, and in Node its name. */
const NOT_POSSIBLE: ReadonlySet<string | undefined> = new Set(['ENOTSUP', 'EINVAL', 'ENOSYS', 'ENODEV']);

/**
 * Makes a range of a file or block device read as zeros without writing them.
 * @returns whether it could: if not, the zeros have to be written.
 */
export function zeroRange(fd: number, offset: number, length: number): boolean {
  fallocate ??= bindFallocate();
  if (fallocate == null) return false;
  try {
    fallocate(fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_ZERO_RANGE, offset, length);
    return true;
  } catch (error) {
    if (NOT_POSSIBLE.has((error as NodeJS.ErrnoException).code)) return false;
    throw error;
  }
}
