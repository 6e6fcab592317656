export type FileType = 'file' | 'directory' | 'symlink' | 'block' | 'char' | 'fifo' | 'socket';

export interface DeviceNumber {
  readonly major: number;
  readonly minor: number;
}

/** What the system tells of a file (statx(2)). */
export interface FileStatus {
  readonly type: FileType;
  /** Permission bits, with setuid, setgid and sticky: the low 12 of `st_mode`. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** In bytes. */
  readonly size: number;
  /** Names that the file has. */
  readonly links: number;
  readonly inode: bigint;
  /** What the file is on. Two files are the same when this and `inode` are. To compare, not to take apart. */
  readonly deviceId: number;
  /** Which device a `block` or `char` file stands for; 0:0 for others. */
  readonly specialDevice: DeviceNumber;
  /** Space taken on the file system, in bytes. */
  readonly allocatedBytes: number;
  /** Nanoseconds since the epoch, negative before it. */
  readonly mtime: bigint;
  /** When anything about the file changed last, in nanoseconds since the epoch. */
  readonly ctime: bigint;
}
