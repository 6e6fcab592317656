import type { CString } from './native-calls.js';
import { bytesToPath, pathToBytes } from './path-bytes.js';

/** What keeps a string from being given as it is: a NUL, and halves of surrogate pairs, which stand for bytes. */
const NOT_PLAIN = /[\0\ud800-\udfff]/;
/** The same, and what is not one name in a directory: nothing, `.`, `..`, and anything with a slash. */
const NOT_A_PLAIN_NAME = /^\.{0,2}$|[\0/\ud800-\udfff]/;

const NUL = Buffer.of(0);

/** A path or text for the C library; `undefined` when there is a NUL in it, behind which C would not look. */
export function toCString(text: string): CString | undefined {
  if (!NOT_PLAIN.test(text)) return text;
  return text.includes('\0') ? undefined : Buffer.concat([pathToBytes(text), NUL]);
}

/** The name of one entry of a directory; `undefined` for what is no such name. */
export function toCName(name: string): CString | undefined {
  if (!NOT_A_PLAIN_NAME.test(name)) return name;
  return isSingleName(name) ? toCString(name) : undefined;
}

/** Whether a name stays in the directory that it is looked up in. */
export function isSingleName(name: string): boolean {
  return name !== '' && name !== '.' && name !== '..' && !name.includes('/') && !name.includes('\0');
}

/** Text out of a buffer of the C library, as `bytesToPath` gives it, at a third of its cost where it is ASCII. */
export function fromCBytes(buffer: Buffer, start: number, end: number): string {
  for (let at = start; at < end; at++) {
    if (buffer[at]! > 0x7f) return bytesToPath(buffer.subarray(start, end));
  }
  return buffer.toString('latin1', start, end);
}
