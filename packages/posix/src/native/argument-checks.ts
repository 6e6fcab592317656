import { constants } from 'node:os';
import { systemError } from './system-error.js';

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
