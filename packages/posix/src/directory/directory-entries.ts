import { fileTypeOf } from '../file/file-status.js';
import { fromCBytes } from '../native/c-strings.js';
import type { DirectoryListing } from './directory.js';

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
