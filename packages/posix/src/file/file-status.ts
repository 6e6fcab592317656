import type { BigIntStats } from 'node:fs';
import { constants } from 'node:os';
import { systemError } from '../native/native-calls.js';

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
  /** The device that the file is on. Two files are the same when this and `inode` are. Only for comparing. */
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

const MOST_MAJOR = 0xfff;
const MOST_MINOR = 0xf_ffff;

/**
 * A device's number as Linux takes it: 12 bits of major and 20 of minor, whose low 8 stand below the major
 * ones (`new_encode_dev` in <linux/kdev_t.h>). `undefined` for what does not fit.
 */
export function encodeDevice({ major, minor }: DeviceNumber): number | undefined {
  if (!isWithin(major, MOST_MAJOR) || !isWithin(minor, MOST_MINOR)) return undefined;
  return (((minor & ~0xff) << 12) | (major << 8) | (minor & 0xff)) >>> 0;
}

/** The inverse of `encodeDevice`. */
export function decodeDevice(number: number): DeviceNumber {
  return { major: (number >>> 8) & MOST_MAJOR, minor: ((number >>> 12) & 0xf_ff00) | (number & 0xff) };
}

function isWithin(number: number, most: number): boolean {
  return Number.isInteger(number) && number >= 0 && number <= most;
}

/** The unit of `st_blocks`, whatever the file system's own blocks are (stat(2)). In bytes. */
export const STAT_BLOCK_SIZE = 512;

/**
 * What `node:fs` tells of a file. Device numbers are taken apart as Linux does.
 * @throws `EOVERFLOW` for a size past 2^53
 */
export function statusFromNode(stats: BigIntStats, path?: string): FileStatus {
  if (stats.size > Number.MAX_SAFE_INTEGER) throw systemError(constants.errno.EOVERFLOW, 'stat', path);
  const mode = Number(stats.mode);
  return {
    type: fileTypeOf(mode >> 12) ?? 'fifo',
    mode: mode & 0o7777,
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    size: Number(stats.size),
    links: Number(stats.nlink),
    inode: stats.ino,
    deviceId: Number(stats.dev),
    specialDevice: decodeDevice(Number(stats.rdev)),
    allocatedBytes: Number(stats.blocks) * STAT_BLOCK_SIZE,
    mtime: stats.mtimeNs,
    ctime: stats.ctimeNs,
  };
}
