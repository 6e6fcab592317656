import { type FileStatus, fileTypeOf } from '../file/file-status.js';

/** `STATX_BASIC_STATS`: all that stat(2) tells. */
export const STATX_BASIC_STATS = 0x7ff;

const STAT_BLOCK_SIZE = 512;
const NANOSECONDS = 1_000_000_000n;

// struct statx (statx(2)), which is the same on every architecture: where the fields are, in units of their
// own size
const U16 = { mode: 14 } as const;
const U32 = {
  links: 4,
  uid: 5,
  gid: 6,
  changedNanoseconds: 26,
  modifiedNanoseconds: 30,
  specialMajor: 32,
  specialMinor: 33,
  major: 34,
  minor: 35,
} as const;
const U64 = { inode: 4, size: 5, blocks: 6 } as const;
const S64 = { changedSeconds: 12, modifiedSeconds: 14 } as const;

const struct = new ArrayBuffer(256);
const u16 = new Uint16Array(struct);
const u32 = new Uint32Array(struct);
const u64 = new BigUint64Array(struct);
const s64 = new BigInt64Array(struct);

/** What statx(2) is to fill. Shared: what is in it has to be decoded before the next call. */
export const statxBuffer = new Uint8Array(struct);

/** Minor numbers have 20 bits in the kernel, and both together 32. */
const MINORS = 0x10_0000;

/** `undefined` when the size is past 2^53. */
export function decodeStatx(): FileStatus | undefined {
  const size = Number(u64[U64.size]);
  if (size > Number.MAX_SAFE_INTEGER) return undefined;
  const mode = u16[U16.mode]!;
  return {
    type: fileTypeOf(mode >> 12) ?? 'fifo', // what has no type is no file: an eventfd, an epoll instance
    mode: mode & 0o7777,
    uid: u32[U32.uid]!,
    gid: u32[U32.gid]!,
    size,
    links: u32[U32.links]!,
    inode: u64[U64.inode]!,
    deviceId: u32[U32.major]! * MINORS + u32[U32.minor]!,
    specialDevice: { major: u32[U32.specialMajor]!, minor: u32[U32.specialMinor]! },
    allocatedBytes: Number(u64[U64.blocks]) * STAT_BLOCK_SIZE,
    mtime: s64[S64.modifiedSeconds]! * NANOSECONDS + BigInt(u32[U32.modifiedNanoseconds]!),
    ctime: s64[S64.changedSeconds]! * NANOSECONDS + BigInt(u32[U32.changedNanoseconds]!),
  };
}
