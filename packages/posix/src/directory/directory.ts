import { type DeviceNumber, type FileStatus, type FileType, fileTypeOf } from '../file/file-status.js';
import { fromCBytes } from '../native/arguments.js';

/** A time to set: nanoseconds since the epoch, the time that it is, or the one that the file has. */
export type TimeToSet = bigint | 'now' | 'omit';

export interface DirectoryListing {
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
  list(): DirectoryListing[];
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
   * Makes a file, open for reading and writing. @throws `EEXIST` when the name is taken, be it by a symlink
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
  /** Another name, `name`, for what `fromName` in `from` is, be it a symlink. */
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

// struct linux_dirent64 (getdents64(2)): u64 inode, s64 offset, u16 length of the record, u8 type, name, NUL,
// padding
const LENGTH_AT = 16;
const TYPE_AT = 18;
const NAME_AT = 19;

const DOT = 0x2e;

const entries = Buffer.from(new ArrayBuffer(32 * 1024));
const lengths = new Uint16Array(entries.buffer);

/** What getdents64(2) is to fill. Shared: what is in it has to be decoded before the next call. */
export const entriesBuffer: Uint8Array = entries;

/** Adds what the kernel put into the first `length` bytes of the buffer, but for `.` and `..`. */
export function decodeEntries(length: number, listing: DirectoryListing[]): void {
  for (let at = 0; at < length; at += lengths[(at + LENGTH_AT) / 2]!) {
    const start = at + NAME_AT;
    if (isDotOrDotDot(start)) continue;
    let end = start;
    while (entries[end] !== 0) end++;
    listing.push({ name: fromCBytes(entries, start, end), type: fileTypeOf(entries[at + TYPE_AT]!) });
  }
}

function isDotOrDotDot(at: number): boolean {
  if (entries[at] !== DOT) return false;
  return entries[at + 1] === 0 || (entries[at + 1] === DOT && entries[at + 2] === 0);
}
