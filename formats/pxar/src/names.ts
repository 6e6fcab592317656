import { bytesToPath, pathToBytes, printableName } from '@vzdump-format/posix';
import { ArchiveError } from '@vzdump-format/streams';

/** A part of a buffer as a string, as `bytesToPath` gives it; what is ASCII takes a short way. */
export function decodeText(bytes: Uint8Array, start: number, end: number): string {
  for (let at = start; at < end; at++) {
    if (bytes[at]! >= 0x80) return bytesToPath(bytes.subarray(start, end));
  }
  return Buffer.prototype.latin1Slice.call(bytes, start, end);
}

/**
 * Encodes a path, as `pathToBytes` does, to where there are three bytes for each of its characters. Returns
 * how many it takes.
 */
export function encodeText(bytes: Uint8Array, at: number, text: string): number {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code >= 0x80) {
      const encoded = pathToBytes(text);
      bytes.set(encoded, at);
      return encoded.length;
    }
    bytes[at + index] = code;
  }
  return text.length;
}

/**
 * The name in a FILENAME, whose content is given.
 * @param offset of the item
 * @throws `PXAR_NAME` when it can be no name of a file in a directory
 */
export function decodeName(bytes: Uint8Array, start: number, size: number, offset: number): string {
  const end = start + size - 1;
  const name = decodeText(bytes, start, end);
  const fault = bytes[end] === 0 ? nameFault(name) : 'no NUL ends it';
  if (fault === undefined) return name;
  throw new ArchiveError('PXAR_NAME', `"${printableName(name)}" cannot be a name: ${fault}`, { offset });
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
  if (name === '') return 'it is empty';
  if (name === '.' || name === '..') return 'it names a directory itself';
  if (name.includes('/')) return 'it holds a slash';
  return name.includes('\0') ? 'it holds a NUL byte' : undefined;
}

/** Why a path, from the root on, cannot be that of an entry; `undefined` when it can. */
export function pathFault(path: string): string | undefined {
  for (const name of path.split('/')) {
    const fault = nameFault(name);
    if (fault !== undefined) return `of "${printableName(name)}", ${fault}`;
  }
  return undefined;
}
