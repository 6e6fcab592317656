import {
  chmodSync,
  constants,
  type Dirent,
  lchownSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  type PathLike,
  readdirSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  statSync,
  symlinkSync,
  unlinkSync,
} from 'node:fs';
import { constants as systemConstants } from 'node:os';
import type { FileStatus, FileType } from '../file/file-status.js';
import { statusFromNode } from '../file/file-status.js';
import { areIds, invalid, isSingleName } from '../native/arguments.js';
import { missingCall, systemError } from '../native/native-calls.js';
import { encodeTimes, nodeTime } from '../native/structs.js';
import { bytesToPath, nodePath } from '../path-text.js';
import { type DirectoryEntry, entryPath, type OpenDirectory, type TimeToSet } from './directory.js';

const { O_CREAT, O_EXCL, O_NOCTTY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR } = constants;
const { ELOOP, ENOTDIR, ENOTSUP } = systemConstants.errno;

/**
 * An OpenDirectory over `node:fs`, which works by paths. Each component was no link when it was opened;
 * others who can write to the tree can still put a link in its place meanwhile.
 */
export class PortableDirectory implements OpenDirectory {
  readonly fd = undefined;

  private constructor(readonly path: string) {}

  /** @throws as `openDirectory` */
  static open(path: string): PortableDirectory {
    if (path.includes('\0')) throw invalid('open', path);
    if (!statSync(nodePath(path)).isDirectory()) throw systemError(ENOTDIR, 'open', path);
    return new PortableDirectory(path);
  }

  list(): DirectoryEntry[] {
    const entries = readdirSync(nodePath(this.path), { withFileTypes: true, encoding: 'buffer' });
    return entries.map((entry) => ({ name: bytesToPath(entry.name), type: typeOf(entry) }));
  }

  status(name: string): FileStatus {
    return statusFromNode(lstatSync(this.entry(name, 'lstat'), { bigint: true }), this.pathOf(name));
  }

  openDirectory(name: string): PortableDirectory {
    if (this.status(name).type !== 'directory') throw systemError(ENOTDIR, 'open', this.pathOf(name));
    return new PortableDirectory(this.pathOf(name));
  }

  openFile(name: string): number {
    if (this.status(name).type === 'symlink') throw systemError(ELOOP, 'open', this.pathOf(name));
    return openSync(this.entry(name, 'open'), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  }

  createFile(name: string, mode: number): number {
    return openSync(this.entry(name, 'open'), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
  }

  makeDirectory(name: string, mode: number): void {
    mkdirSync(this.entry(name, 'mkdir'), { mode });
  }

  makeSymlink(target: string, name: string): void {
    if (target.includes('\0')) throw invalid('symlink', this.pathOf(name));
    symlinkSync(nodePath(target), this.entry(name, 'symlink'));
  }

  makeNode(name: string): void {
    throw missingCall('mknod', this.pathOf(name));
  }

  /** Not of a symlink: link(2) follows them on some systems. */
  makeLink(name: string, from: OpenDirectory, fromName: string): void {
    if (from.status(fromName).type === 'symlink') throw missingCall('linkat', this.pathOf(name));
    linkSync(nodePath(entryPath(from.path, fromName)), this.entry(name, 'link'));
  }

  readLink(name: string): string {
    return bytesToPath(readlinkSync(this.entry(name, 'readlink'), { encoding: 'buffer' }));
  }

  remove(name: string): void {
    unlinkSync(this.entry(name, 'unlink'));
  }

  removeDirectory(name: string): void {
    rmdirSync(this.entry(name, 'rmdir'));
  }

  rename(name: string, to: OpenDirectory, toName: string): void {
    if (!isSingleName(toName)) throw invalid('rename', entryPath(to.path, toName));
    renameSync(this.entry(name, 'rename'), nodePath(entryPath(to.path, toName)));
  }

  setOwner(name: string, uid: number, gid: number): void {
    const entry = this.entry(name, 'lchown');
    if (!areIds(uid, gid)) throw invalid('lchown', this.pathOf(name));
    lchownSync(entry, uid, gid);
  }

  setMode(name: string, mode: number): void {
    if (this.status(name).type === 'symlink') throw systemError(ENOTSUP, 'chmod', this.pathOf(name));
    chmodSync(this.entry(name, 'chmod'), mode);
  }

  /** To the microsecond. */
  setTimes(name: string, accessed: TimeToSet, modified: TimeToSet): void {
    const entry = this.entry(name, 'lutimes');
    if (encodeTimes(accessed, modified) === undefined) throw invalid('lutimes', this.pathOf(name));
    const current = lstatSync(entry, { bigint: true });
    lutimesSync(entry, nodeTime(accessed, current.atimeNs), nodeTime(modified, current.mtimeNs));
  }

  listXattrs(name: string): string[] {
    throw missingCall('llistxattr', this.pathOf(name));
  }

  getXattr(name: string): Buffer | undefined {
    throw missingCall('lgetxattr', this.pathOf(name));
  }

  setXattr(name: string): void {
    throw missingCall('lsetxattr', this.pathOf(name));
  }

  removeXattr(name: string): void {
    throw missingCall('lremovexattr', this.pathOf(name));
  }

  close(): void {}

  /** @throws `EINVAL` for what is no name of an entry */
  private entry(name: string, syscall: string): PathLike {
    if (!isSingleName(name)) throw invalid(syscall, this.pathOf(name));
    return nodePath(this.pathOf(name));
  }

  private pathOf(name: string): string {
    return entryPath(this.path, name);
  }
}

/** `undefined` where the file system does not tell. */
function typeOf(entry: Dirent<Buffer>): FileType | undefined {
  if (entry.isFile()) return 'file';
  if (entry.isDirectory()) return 'directory';
  if (entry.isSymbolicLink()) return 'symlink';
  if (entry.isBlockDevice()) return 'block';
  if (entry.isCharacterDevice()) return 'char';
  if (entry.isFIFO()) return 'fifo';
  return entry.isSocket() ? 'socket' : undefined;
}
