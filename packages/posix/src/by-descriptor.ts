import type { TimeToSet } from './directory.js';
import type { FileStatus } from './file-status.js';
import { missingCall } from './system-error.js';

export function nativeCallsAvailable(): boolean {
  return false;
}
/** What is lost without native calls, one sentence for a warning; `undefined` when nothing is. */
export function missingCapabilities(): string | undefined {
  return undefined;
}
export function fileStatus(_fd: number): FileStatus {
  throw missingCall('statx');
}
export function setOwner(_fd: number, _uid: number, _gid: number): void {
  throw missingCall('fchown');
}
export function setMode(_fd: number, _mode: number): void {
  throw missingCall('fchmod');
}
export function setTimes(_fd: number, _accessed: TimeToSet, _modified: TimeToSet): void {
  throw missingCall('futimens');
}
export function listXattrs(_fd: number): string[] {
  throw missingCall('flistxattr');
}
export function getXattr(_fd: number, _attribute: string): Buffer | undefined {
  throw missingCall('fgetxattr');
}
export function setXattr(_fd: number, _attribute: string, _value: Uint8Array): void {
  throw missingCall('fsetxattr');
}
export function removeXattr(_fd: number, _attribute: string): void {
  throw missingCall('fremovexattr');
}
/** `FS_*_FL` bits; `undefined` where the file system has none. */
export function getFlags(_fd: number): number | undefined {
  throw missingCall('ioctl');
}
export function setFlags(_fd: number, _flags: number): void {
  throw missingCall('ioctl');
}
/** `undefined` where the file system has none; 0 is the default project. */
export function getQuotaProject(_fd: number): number | undefined {
  throw missingCall('ioctl');
}
export function setQuotaProject(_fd: number, _project: number): void {
  throw missingCall('ioctl');
}
/** Makes a hole: frees the range, which reads as zeros; the size stays. `false` when the file system cannot. */
export function punchHole(_fd: number, _offset: number, _length: number): boolean {
  throw missingCall('fallocate');
}
/** Reserves the range, and makes the file that long at least. `false` when the file system cannot. */
export function allocate(_fd: number, _offset: number, _length: number): boolean {
  throw missingCall('fallocate');
}
/** Makes one file share all of another's blocks. `false` when the file systems cannot. */
export function cloneFile(_fromFd: number, _toFd: number): boolean {
  throw missingCall('ioctl');
}
/** flock(2), without waiting. `false` when it is held by someone else. It ends when the descriptor is closed. */
export function lockFile(_fd: number, _options: { exclusive: boolean }): boolean {
  throw missingCall('flock');
}
export function unlockFile(_fd: number): void {
  throw missingCall('flock');
}
export interface FileSystem {
  /** `f_type` of statfs(2), by which nothing else need be told apart. */
  readonly magic: number;
  /** As mount(8) calls it; `undefined` for what is not in the list. */
  readonly name: string | undefined;
  /** Whether it is the kernel's own, with nothing in it to keep: proc, sysfs, cgroup, … */
  readonly virtual: boolean;
}
export function fileSystem(_of: number | string): FileSystem {
  throw missingCall('statfs');
}
/** @returns the size that was set, which may be larger; `undefined` where the system does not let it. */
export function setPipeSize(_fd: number, _bytes: number): number | undefined {
  throw missingCall('fcntl');
}
