import { constants } from 'node:os';
import { bytesToPath, pathToBytes } from '../path-text.js';
import { type CString, systemError } from './native-calls.js';

/**
 * What keeps a string from being given as it is: a NUL, and halves of surrogate pairs, which stand for bytes.
 */
const NOT_PLAIN = /[\0\ud800-\udfff]/;
const SLASH = 0x2f;
const FIRST_SURROGATE = 0xd800;
const SURROGATES = 0xf800;

const NUL = Buffer.of(0);

/** In place of a directory (<fcntl.h>): the current one, from which paths start. */
export const AT_FDCWD = -100;
/** With an empty name (<fcntl.h>): what is meant is the descriptor itself. */
export const AT_EMPTY_PATH = 0x1000;

/** A path or text for the C library; `undefined` when there is a NUL in it, behind which C would not look. */
export function toCString(text: string): CString | undefined {
  if (!NOT_PLAIN.test(text)) return text;
  return text.includes('\0') ? undefined : Buffer.concat([pathToBytes(text), NUL]);
}

/** The name of one entry of a directory; `undefined` for what is no such name. */
export function toCName(name: string): CString | undefined {
  for (let at = 0; at < name.length; at++) {
    const code = name.charCodeAt(at);
    if (code === SLASH || code === 0 || (code & SURROGATES) === FIRST_SURROGATE) return toOddCName(name);
  }
  return name === '' || name === '.' || name === '..' ? undefined : name;
}

function toOddCName(name: string): CString | undefined {
  return isSingleName(name) ? toCString(name) : undefined;
}

/** Whether a name stays in the directory that it is looked up in. */
export function isSingleName(name: string): boolean {
  return name !== '' && name !== '.' && name !== '..' && !name.includes('/') && !name.includes('\0');
}

/**
 * Text out of a buffer of the C library, as `bytesToPath` gives it, at a third of its cost where it is ASCII.
 */
export function fromCBytes(buffer: Buffer, start: number, end: number): string {
  for (let at = start; at < end; at++) {
    if (buffer[at]! > 0x7f) return bytesToPath(buffer.subarray(start, end));
  }
  return buffer.toString('latin1', start, end);
}

/** To chown(2), `(uid_t)-1` is 'leave it as it is'. */
const NO_ID = 0xffff_ffff;

/** Whether these are ids of a user and a group. C would cut them to 32 bits, and make user 2^32 root. */
export function areIds(uid: number, gid: number): boolean {
  return isU32(uid) && isU32(gid) && uid !== NO_ID && gid !== NO_ID;
}

export function isU32(value: number): boolean {
  return value >>> 0 === value;
}

/** An argument that would not reach the call as it is. */
export function invalid(syscall: string, path?: string): NodeJS.ErrnoException {
  return systemError(constants.errno.EINVAL, syscall, path);
}

/** The direction of the data, seen from the program: bits of an ioctl's number (<asm/ioctl.h>). */
const [READ, WRITE] = process.arch === 'ppc64' ? [0x4000_0000, 0x8000_0000] : [0x8000_0000, 0x4000_0000];

/** The number of an ioctl that reads a struct of `size` bytes: `_IOR(type, number, struct)`. */
export function ioctlThatReads(type: number, number: number, size: number): number {
  return (READ | (size << 16) | (type << 8) | number) >>> 0;
}

/** `_IOW(type, number, struct)` */
export function ioctlThatWrites(type: number, number: number, size: number): number {
  return (WRITE | (size << 16) | (type << 8) | number) >>> 0;
}
