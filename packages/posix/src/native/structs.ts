import type { DirectoryEntry, TimeToSet } from '../directory/directory.js';
import { type FileStatus, fileTypeOf, STAT_BLOCK_SIZE } from '../file/file-status.js';
import { fromCBytes } from './arguments.js';

/** `STATX_BASIC_STATS`: all that stat(2) tells. */
export const STATX_BASIC_STATS = 0x7ff;

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
export function decodeEntries(length: number, listing: DirectoryEntry[]): void {
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

// utimensat(2), in place of nanoseconds
const UTIME_NOW = (1n << 30n) - 1n;
const UTIME_OMIT = (1n << 30n) - 2n;

/**
 * Two `struct timespec`, access and modification, for the call that follows: seconds, nanoseconds, both s64.
 */
const timespecs = new BigInt64Array(4);

/** `undefined` for seconds that have no place in 64 bits. */
export function encodeTimes(accessed: TimeToSet, modified: TimeToSet): BigInt64Array | undefined {
  return encode(accessed, 0) && encode(modified, 2) ? timespecs : undefined;
}

function encode(time: TimeToSet, at: number): boolean {
  if (typeof time !== 'bigint') {
    timespecs[at + 1] = time === 'now' ? UTIME_NOW : UTIME_OMIT;
    return true;
  }
  let seconds = time / NANOSECONDS;
  let nanoseconds = time % NANOSECONDS;
  if (nanoseconds < 0n) {
    seconds--; // nanoseconds count upwards before 1970, too
    nanoseconds += NANOSECONDS;
  }
  timespecs[at] = seconds;
  timespecs[at + 1] = nanoseconds;
  return timespecs[at] === seconds;
}

/**
 * Seconds for the calls of `node:fs` that set times, which keep whole microseconds (until 2106). In a string,
 * because Node takes numbers below zero for the time that it is. `current` stands for `omit`, which Node does
 * not know.
 */
export function nodeTime(time: TimeToSet, current: bigint): string {
  if (time === 'now') return String(Date.now() / 1000);
  const microseconds = Number((time === 'omit' ? current : time) / 1000n);
  // Half of one more, because what is left of it in floating point is cut, not rounded.
  return String((microseconds + (microseconds < 0 ? -0.5 : 0.5)) / 1e6);
}
