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

/** By the type's number in `st_mode`, shifted down by 12 bits (inode(7)), which is `d_type` too. */
const TYPES: readonly (FileType | undefined)[] = [
  undefined,
  'fifo',
  'char',
  undefined,
  'directory',
  undefined,
  'block',
  undefined,
  'file',
  undefined,
  'symlink',
  undefined,
  'socket',
];

/** `undefined` for 0, which says that the file system does not tell. */
export function fileTypeOf(number: number): FileType | undefined {
  return TYPES[number];
}
