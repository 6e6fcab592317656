import { constants } from 'node:os';
import { nativeLibrary, systemError } from './native.js';

// <unistd.h> on Linux
const SEEK_DATA = 3;
const SEEK_HOLE = 4;

let lseek: ((fd: number, offset: number, whence: number) => number) | null | undefined;

function bindLseek(): typeof lseek {
  const library = nativeLibrary();
  if (library === null) return null;
  const call = library.bind('int64_t lseek(int fd, int64_t offset, int whence)');
  return (fd, offset, whence) => {
    const position = Number(call(fd, offset, whence));
    if (position < 0) throw systemError(library.errno(), 'lseek');
    return position;
  };
}

/** Whether holes can be asked for on this system at all. */
export function canSeekData(): boolean {
  lseek ??= bindLseek();
  return lseek != null;
}

/**
 * The first offset at or after `offset` that is not in a hole, or `undefined` when only a hole follows.
 * @throws a Node-style error; `EINVAL` where the file system (or a block device) does not know of holes.
 */
export function seekData(fd: number, offset: number): number | undefined {
  try {
    return seek(fd, offset, SEEK_DATA);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).errno === -constants.errno.ENXIO) return undefined;
    throw error;
  }
}

/** The first offset at or after `offset` that is in a hole; the end of the file counts as one. */
export function seekHole(fd: number, offset: number): number {
  return seek(fd, offset, SEEK_HOLE);
}

function seek(fd: number, offset: number, whence: number): number {
  if (!canSeekData()) throw systemError(constants.errno.ENOSYS, 'lseek');
  return lseek!(fd, offset, whence);
}
