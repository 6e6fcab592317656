import { printableName } from '@vzdump-format/file-tree';
import { bytesToPath } from '@vzdump-format/posix';
import { ArchiveError } from '@vzdump-format/streams';

const SLASH = 0x2f;

/** A part of a buffer as a string; what is ASCII takes a short way. */
export function decodeText(bytes: Uint8Array, start: number, end: number): string {
  for (let at = start; at < end; at++) {
    if (bytes[at]! >= 0x80) return bytesToPath(bytes.subarray(start, end));
  }
  return Buffer.prototype.latin1Slice.call(bytes, start, end);
}

/** Writes a text that is all ASCII, and says whether it is; if not, what was written is of no use. */
export function writeAscii(bytes: Uint8Array, at: number, text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code >= 0x80) return false;
    bytes[at + index] = code;
  }
  return true;
}

/**
 * The name in a FILENAME, whose content is given.
 * @param offset of the item
 * @throws `PXAR_NAME` when it can be no name of a file in a directory
 */
export function decodeName(bytes: Uint8Array, start: number, size: number, offset: number): string {
  const end = start + size - 1;
  const fault = byteFault(bytes, start, end);
  if (fault === undefined && bytes[end] === 0) return decodeText(bytes, start, end);
  const name = printableName(decodeText(bytes, start, bytes[end] === 0 ? end : end + 1));
  throw new ArchiveError('PXAR_NAME', `"${name}" cannot be a name: ${fault ?? 'no NUL ends it'}`, { offset });
}

function byteFault(bytes: Uint8Array, start: number, end: number): string | undefined {
  if (end <= start) return 'it is empty';
  for (let at = start; at < end; at++) {
    if (bytes[at] === 0) return 'it holds a NUL byte';
    if (bytes[at] === SLASH) return 'it holds a slash';
  }
  const dots = end - start <= 2 && bytes[start] === 0x2e && bytes[end - 1] === 0x2e;
  return dots ? 'it names a directory itself' : undefined;
}

/**
 * A text that ends with a NUL and has none before: where a link points to.
 * @param what in an error: 'the target of a symlink'
 * @throws `PXAR_LINK_TARGET`
 */
export function decodeTarget(
  bytes: Uint8Array,
  start: number,
  size: number,
  { offset, entry, what }: { readonly offset: number; readonly entry: string; readonly what: string },
): string {
  const end = start + size - 1;
  const nul = bytes.indexOf(0, start);
  let fault: string | undefined;
  if (nul === -1 || nul > end) fault = 'has no NUL at its end';
  else if (nul < end) fault = 'holds a NUL byte';
  else if (end === start) fault = 'is empty';
  if (fault === undefined) return decodeText(bytes, start, end);
  throw new ArchiveError('PXAR_LINK_TARGET', `${printableName(entry)}: ${what} ${fault}`, { offset, entry });
}

/** Why a name cannot be that of an entry; `undefined` when it can. */
export function nameFault(name: string): string | undefined {
  if (name === '') return 'it is empty, or has an empty component';
  if (name === '.' || name === '..') return `it has a component "${name}"`;
  return name.includes('\0') ? 'it holds a NUL byte' : undefined;
}

/** Why a path, from the root on, cannot be that of an entry; `undefined` when it can. */
export function pathFault(path: string): string | undefined {
  for (const name of path.split('/')) {
    const fault = nameFault(name);
    if (fault !== undefined) return fault;
  }
  return undefined;
}
