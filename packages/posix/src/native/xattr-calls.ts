import { constants } from 'node:os';
import { fromCBytes, invalid, toCString } from './arguments.js';
import { type CString, systemError, type XattrCalls } from './native-calls.js';

const { ENODATA, ENOTSUP, ERANGE } = constants.errno;

/** No value, and no list of names, is longer (<linux/limits.h>: `XATTR_SIZE_MAX`, `XATTR_LIST_MAX`). */
const LONGEST = 64 * 1024;
/** Asked for first, because the kernel allocates, and clears, as much as it is asked for. */
const USUAL = 1024;

const scratch = Buffer.allocUnsafeSlow(LONGEST);

// On descriptors or paths alike. The `path` is for errors.

export function listXattrsOf<Target>(calls: XattrCalls<Target>, target: Target, path?: string): string[] {
  let length = calls.list(target, scratch, USUAL);
  if (length < 0 && calls.errno() === ERANGE) length = calls.list(target, scratch, LONGEST);
  if (length > 0) return fromCBytes(scratch, 0, length - 1).split('\0');
  if (length < 0 && calls.errno() !== ENOTSUP) throw failure(calls, 'listxattr', path);
  return [];
}

export function getXattrOf<Target>(
  calls: XattrCalls<Target>,
  target: Target,
  attribute: string,
  path?: string,
): Buffer | undefined {
  const name = nameOf(calls, 'getxattr', attribute, path);
  let length = calls.get(target, name, scratch, USUAL);
  if (length < 0 && calls.errno() === ERANGE) length = calls.get(target, name, scratch, LONGEST);
  if (length >= 0) return Buffer.from(scratch.subarray(0, length));
  const errno = calls.errno();
  if (errno !== ENODATA && errno !== ENOTSUP) throw failure(calls, 'getxattr', path);
  return undefined;
}

export function setXattrOf<Target>(
  calls: XattrCalls<Target>,
  target: Target,
  attribute: string,
  value: Uint8Array,
  path?: string,
): void {
  const name = nameOf(calls, 'setxattr', attribute, path);
  if (calls.set(target, name, value, value.length, 0) < 0) throw failure(calls, 'setxattr', path);
}

export function removeXattrOf<Target>(
  calls: XattrCalls<Target>,
  target: Target,
  attribute: string,
  path?: string,
): void {
  const name = nameOf(calls, 'removexattr', attribute, path);
  if (calls.remove(target, name) < 0) throw failure(calls, 'removexattr', path);
}

type Call = 'listxattr' | 'getxattr' | 'setxattr' | 'removexattr';

function nameOf<Target>(calls: XattrCalls<Target>, call: Call, attribute: string, path?: string): CString {
  const name = toCString(attribute);
  if (name === undefined) throw invalid(calls.prefix + call, path);
  return name;
}

function failure<Target>(calls: XattrCalls<Target>, call: Call, path?: string): NodeJS.ErrnoException {
  return systemError(calls.errno(), calls.prefix + call, path);
}
