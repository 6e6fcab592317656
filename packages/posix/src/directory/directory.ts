import type { DeviceNumber, FileStatus, FileType } from '../file/file-status.js';

/** A time to set: nanoseconds since the epoch, the time that it is, or the one that the file has. */
export type TimeToSet = bigint | 'now' | 'omit';

/** What a directory says of one thing that is in it. */
export interface DirectoryEntry {
  readonly name: string;
  /** `undefined` where the file system does not tell without `status`. */
  readonly type: FileType | undefined;
}

/**
 * A directory held open. What is in it is reached by single names, which are never followed as links, so that
 * nothing leads out of it, whatever others do to the tree meanwhile. An empty name, `.`, `..`, and a name
 * with a slash or a NUL are refused with `EINVAL`.
 *
 * Names and link targets are strings in which bytes that are not UTF-8 are carried as U+DC80..U+DCFF
 * (`bytesToPath`). Every call is synchronous, and throws errors as Node's own: `code`, `errno`, `syscall`,
 * `path`.
 */
export interface OpenDirectory {
  /** Where it was opened, for messages. */
  readonly path: string;
  /** `undefined` in the portable implementation, which works by paths. */
  readonly fd: number | undefined;

  /** What is in it, but for `.` and `..`, in the order of the file system. */
  list(): DirectoryEntry[];
  /** Of a link itself. */
  status(name: string): FileStatus;
  /** @throws `ENOTDIR` for anything else, a symlink included */
  openDirectory(name: string): OpenDirectory;
  /**
   * Opens a file for reading, without waiting (for the other end of a FIFO, say), and without changing its
   * access time where that is allowed. @throws `ELOOP` for a symlink; `ENXIO` for a socket
   * @returns a descriptor
   */
  openFile(name: string): number;
  /**
   * Makes a file, open for reading and writing. @throws `EEXIST` when the name is taken, also by a symlink
   */
  createFile(name: string, mode: number): number;
  /** As all that are given a `mode`, subject to the process's umask. */
  makeDirectory(name: string, mode: number): void;
  makeSymlink(target: string, name: string): void;
  /** `device` is for `block` and `char`. */
  makeNode(
    name: string,
    type: 'block' | 'char' | 'fifo' | 'socket',
    mode: number,
    device?: DeviceNumber,
  ): void;
  /** Gives what `fromName` in `from` is, which may be a symlink, `name` as another name. */
  makeLink(name: string, from: OpenDirectory, fromName: string): void;
  /** @throws `EINVAL` for anything but a symlink */
  readLink(name: string): string;
  /** Anything but a directory. */
  remove(name: string): void;
  removeDirectory(name: string): void;
  /** Replaces what has the name `toName`, as rename(2) does. */
  rename(name: string, to: OpenDirectory, toName: string): void;

  /** Of a link itself. */
  setOwner(name: string, uid: number, gid: number): void;
  /** @throws `ENOTSUP` for a symlink */
  setMode(name: string, mode: number): void;
  /** Of a link itself. */
  setTimes(name: string, accessed: TimeToSet, modified: TimeToSet): void;
  /** Names of the extended attributes, of a link itself; none where the file system has no such thing. */
  listXattrs(name: string): string[];
  /** `undefined` when there is none of that name. */
  getXattr(name: string, attribute: string): Buffer | undefined;
  setXattr(name: string, attribute: string, value: Uint8Array): void;
  /** @throws `ENODATA` when there is none of that name */
  removeXattr(name: string, attribute: string): void;

  close(): void;
}

/** Where `name` in the directory `directory` is, for messages and for calls that take paths. */
export function entryPath(directory: string, name: string): string {
  return directory.endsWith('/') ? directory + name : `${directory}/${name}`;
}
