import { constants } from 'node:fs';
import { constants as systemConstants } from 'node:os';
import type { DeviceNumber, FileStatus } from '../file/file-status.js';
import { encodeDevice } from '../file/file-status.js';
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  areIds,
  fromCBytes,
  invalid,
  toCName,
  toCString,
} from '../native/arguments.js';
import { type CString, type NativeCalls, nativeCalls, systemError } from '../native/native-calls.js';
import {
  decodeEntries,
  decodeStatx,
  encodeTimes,
  entriesBuffer,
  STATX_BASIC_STATS,
  statxBuffer,
} from '../native/structs.js';
import { getXattrOf, listXattrsOf, removeXattrOf, setXattrOf } from '../native/xattr-calls.js';
import { type DirectoryEntry, entryPath, type OpenDirectory, type TimeToSet } from './directory.js';
import { PortableDirectory } from './portable-directory.js';

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOATIME, O_NOCTTY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR } =
  constants;
const { ENOTSUP, EOVERFLOW, EPERM } = systemConstants.errno;

// <fcntl.h>: the same on every architecture that there are native calls for
const O_CLOEXEC = 0o2000000;
const O_PATH = 0o10000000;
const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_REMOVEDIR = 0x200;
const AT_NO_AUTOMOUNT = 0x800;

const SEEK_SET = 0;

/** As in `st_mode` (inode(7)). */
const NODE_TYPES = { block: 0o060000, char: 0o020000, fifo: 0o010000, socket: 0o140000 } as const;

/** For the longest path there is (<linux/limits.h>: `PATH_MAX`). */
const linkTarget = Buffer.allocUnsafeSlow(4096);

/**
 * Opens a directory by its path, whose links are followed: the user named it.
 * @throws a Node-style error; `ENOTDIR` for anything but a directory
 */
export function openDirectory(path: string): OpenDirectory {
  const calls = nativeCalls();
  return calls === null ? PortableDirectory.open(path) : NativeDirectory.open(calls, path);
}

/** An OpenDirectory over the calls that take the descriptor of a directory and a name (openat(2)). */
export class NativeDirectory implements OpenDirectory {
  private constructor(
    private readonly calls: NativeCalls,
    readonly path: string,
    private descriptor: number,
  ) {}

  /** @throws as `openDirectory` */
  static open(calls: NativeCalls, path: string): NativeDirectory {
    const name = toCString(path);
    if (name === undefined) throw invalid('openat', path);
    const fd = openToRead(calls, AT_FDCWD, name, O_DIRECTORY);
    if (fd < 0) throw systemError(calls.errno(), 'openat', path);
    return new NativeDirectory(calls, path, fd);
  }

  get fd(): number {
    return this.descriptor;
  }

  list(): DirectoryEntry[] {
    const { calls, fd } = this;
    const listing: DirectoryEntry[] = [];
    this.done(calls.lseek(fd, 0, SEEK_SET), 'lseek');
    for (;;) {
      const length = this.done(calls.getdents64(fd, entriesBuffer, entriesBuffer.length), 'getdents64');
      if (length === 0) return listing;
      decodeEntries(length, listing);
    }
  }

  status(name: string): FileStatus {
    const entry = this.entry(name, 'statx');
    const flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;
    this.done(this.calls.statx(this.fd, entry, flags, STATX_BASIC_STATS, statxBuffer), 'statx', name);
    const status = decodeStatx();
    if (status === undefined) throw systemError(EOVERFLOW, 'statx', this.pathOf(name));
    return status;
  }

  openDirectory(name: string): NativeDirectory {
    const entry = this.entry(name, 'openat');
    const fd = this.done(openToRead(this.calls, this.fd, entry, O_DIRECTORY | O_NOFOLLOW), 'openat', name);
    return new NativeDirectory(this.calls, this.pathOf(name), fd);
  }

  openFile(name: string): number {
    const entry = this.entry(name, 'openat');
    const fd = openToRead(this.calls, this.fd, entry, O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    return this.done(fd, 'openat', name);
  }

  createFile(name: string, mode: number): number {
    const entry = this.entry(name, 'openat');
    const flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    return this.done(this.calls.openat(this.fd, entry, flags, 'uint', mode), 'openat', name);
  }

  makeDirectory(name: string, mode: number): void {
    this.done(this.calls.mkdirat(this.fd, this.entry(name, 'mkdirat'), mode), 'mkdirat', name);
  }

  makeSymlink(target: string, name: string): void {
    const entry = this.entry(name, 'symlinkat');
    const text = toCString(target);
    if (text === undefined) throw invalid('symlinkat', this.pathOf(name));
    this.done(this.calls.symlinkat(text, this.fd, entry), 'symlinkat', name);
  }

  makeNode(name: string, type: keyof typeof NODE_TYPES, mode: number, device?: DeviceNumber): void {
    const entry = this.entry(name, 'mknodat');
    const number = device === undefined ? 0 : encodeDevice(device);
    if (number === undefined) throw invalid('mknodat', this.pathOf(name));
    const typeAndMode = NODE_TYPES[type] | (mode & 0o7777);
    this.done(this.calls.mknodat(this.fd, entry, typeAndMode, number), 'mknodat', name);
  }

  makeLink(name: string, from: OpenDirectory, fromName: string): void {
    const entry = this.entry(name, 'linkat');
    const fromEntry = this.entry(fromName, 'linkat');
    this.done(this.calls.linkat(from.fd ?? -1, fromEntry, this.fd, entry, 0), 'linkat', name);
  }

  readLink(name: string): string {
    const entry = this.entry(name, 'readlinkat');
    const length = this.calls.readlinkat(this.fd, entry, linkTarget, linkTarget.length);
    return fromCBytes(linkTarget, 0, this.done(length, 'readlinkat', name));
  }

  remove(name: string): void {
    this.done(this.calls.unlinkat(this.fd, this.entry(name, 'unlinkat'), 0), 'unlinkat', name);
  }

  removeDirectory(name: string): void {
    this.done(this.calls.unlinkat(this.fd, this.entry(name, 'unlinkat'), AT_REMOVEDIR), 'unlinkat', name);
  }

  rename(name: string, to: OpenDirectory, toName: string): void {
    const entry = this.entry(name, 'renameat');
    const toEntry = this.entry(toName, 'renameat');
    this.done(this.calls.renameat(this.fd, entry, to.fd ?? -1, toEntry), 'renameat', name);
  }

  setOwner(name: string, uid: number, gid: number): void {
    const entry = this.entry(name, 'fchownat');
    if (!areIds(uid, gid)) throw invalid('fchownat', this.pathOf(name));
    this.done(this.calls.fchownat(this.fd, entry, uid, gid, AT_SYMLINK_NOFOLLOW), 'fchownat', name);
  }

  /**
   * Linux had no call for this before 6.6. A descriptor of O_PATH stays the same file, whatever its name
   * becomes.
   */
  setMode(name: string, mode: number): void {
    const { calls } = this;
    const entry = this.entry(name, 'openat');
    const fd = this.done(calls.openat(this.fd, entry, O_PATH | O_NOFOLLOW | O_CLOEXEC), 'openat', name);
    try {
      this.done(calls.statx(fd, '', AT_EMPTY_PATH, STATX_BASIC_STATS, statxBuffer), 'statx', name);
      if (decodeStatx()?.type === 'symlink') throw systemError(ENOTSUP, 'chmod', this.pathOf(name));
      this.done(calls.chmod(`/proc/self/fd/${fd}`, mode), 'chmod', name);
    } finally {
      calls.close(fd);
    }
  }

  setTimes(name: string, accessed: TimeToSet, modified: TimeToSet): void {
    const entry = this.entry(name, 'utimensat');
    const times = encodeTimes(accessed, modified);
    if (times === undefined) throw invalid('utimensat', this.pathOf(name));
    this.done(this.calls.utimensat(this.fd, entry, times, AT_SYMLINK_NOFOLLOW), 'utimensat', name);
  }

  listXattrs(name: string): string[] {
    return listXattrsOf(this.calls.pathXattrs, this.linkPath(name, 'llistxattr'), this.pathOf(name));
  }

  getXattr(name: string, attribute: string): Buffer | undefined {
    const path = this.linkPath(name, 'lgetxattr');
    return getXattrOf(this.calls.pathXattrs, path, attribute, this.pathOf(name));
  }

  setXattr(name: string, attribute: string, value: Uint8Array): void {
    const path = this.linkPath(name, 'lsetxattr');
    setXattrOf(this.calls.pathXattrs, path, attribute, value, this.pathOf(name));
  }

  removeXattr(name: string, attribute: string): void {
    const path = this.linkPath(name, 'lremovexattr');
    removeXattrOf(this.calls.pathXattrs, path, attribute, this.pathOf(name));
  }

  close(): void {
    this.calls.close(this.descriptor);
    this.descriptor = -1;
  }

  /** A name to give to the kernel. @throws `EINVAL` for what is no name of an entry */
  private entry(name: string, syscall: string): CString {
    const entry = toCName(name);
    if (entry === undefined) throw invalid(syscall, this.pathOf(name));
    return entry;
  }

  /** For calls that take no directory: through its descriptor, so that only the name is looked up. */
  private linkPath(name: string, syscall: string): CString {
    const entry = toCName(name) && toCString(`/proc/self/fd/${this.fd}/${name}`);
    if (entry === undefined) throw invalid(syscall, this.pathOf(name));
    return entry;
  }

  private pathOf(name: string): string {
    return entryPath(this.path, name);
  }

  /** What a call returned. @throws what it failed with, at the entry `name` or at the directory itself */
  private done(result: number, syscall: string, name?: string): number {
    if (result >= 0) return result;
    throw systemError(this.calls.errno(), syscall, name === undefined ? this.path : this.pathOf(name));
  }
}

/** Without a change of the access time, which only the owner (and root) may ask for. @returns as openat(2) */
function openToRead(calls: NativeCalls, directory: number, name: CString, flags: number): number {
  const fd = calls.openatExisting(directory, name, O_RDONLY | O_NOATIME | O_CLOEXEC | flags);
  if (fd >= 0 || calls.errno() !== EPERM) return fd;
  return calls.openatExisting(directory, name, O_RDONLY | O_CLOEXEC | flags);
}
