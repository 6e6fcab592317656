import { bytesToPath, pathToBytes } from '@vzdump-format/posix';
import { LENGTH } from '../format.js';

const SLASH = 0x2f;
const DOT = 0x2e;

/**
 * The text of a field up to its first NUL, or all of it. Bytes that are not UTF-8 are carried as
 * `bytesToPath` does; most names have none, and are had faster.
 */
export function decodeField(bytes: Buffer, at: number, length: number): string {
  let end = at;
  let isAscii = true;
  for (; end < at + length; end++) {
    const byte = bytes[end]!;
    if (byte === 0) break;
    if (byte >= 0x80) isAscii = false;
  }
  if (end === at) return '';
  return isAscii ? Buffer.prototype.latin1Slice.call(bytes, at, end) : bytesToPath(bytes.subarray(at, end));
}

/** All of some bytes as text, NULs too. */
export function decodeText(bytes: Buffer, start: number, end: number): string {
  for (let at = start; at < end; at++) {
    if (bytes[at]! >= 0x80) return bytesToPath(bytes.subarray(start, end));
  }
  return Buffer.prototype.latin1Slice.call(bytes, start, end);
}

/** The inverse of both. */
export function encodeText(text: string): Buffer {
  return isAscii(text) ? Buffer.from(text, 'latin1') : pathToBytes(text);
}

/** Writes as much of a text as a field holds. @returns where it ends */
export function encodeField(bytes: Uint8Array, at: number, length: number, text: string): number {
  if (isAscii(text)) return putAscii(bytes, at, at + length, text, 0, text.length);
  const encoded = pathToBytes(text).subarray(0, length);
  bytes.set(encoded, at);
  return at + encoded.length;
}

/**
 * Writes as much of a name as its field holds, without text being made of its parts. @returns where it ends
 */
export function encodeName(bytes: Uint8Array, at: number, name: MemberName): number {
  const { path, isDirectory, folder } = name;
  if (!isAscii(path)) return encodeField(bytes, at, LENGTH.name, nameOf(name));
  const end = at + LENGTH.name;
  bytes[at] = DOT;
  bytes[at + 1] = SLASH;
  let start = path.length; // of what goes into the folder
  if (folder !== '') while (start > 0 && path.charCodeAt(start - 1) !== SLASH) start--;
  let to = putAscii(bytes, at + 2, end, path, 0, start);
  if (folder !== '') {
    const rest = path === '' ? '.' : path;
    to = putAscii(bytes, to, end, folder, 0, folder.length);
    if (to < end) bytes[to++] = SLASH;
    to = putAscii(bytes, to, end, rest, start, rest.length);
  } else if (isDirectory && path !== '' && to < end) {
    bytes[to++] = SLASH;
  }
  return to;
}

/** Writes a part of a text as far as there is room. @returns where it ends */
function putAscii(
  bytes: Uint8Array,
  at: number,
  end: number,
  text: string,
  start: number,
  stop: number,
): number {
  let to = at;
  for (let index = start; index < stop && to < end; index++) bytes[to++] = text.charCodeAt(index);
  return to;
}

export function isAscii(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    if (text.charCodeAt(at) >= 0x80) return false;
  }
  return true;
}

/**
 * A name as it stands in an archive (`./etc/`) → as `FileEntry.path` is written (`etc`): no component that is
 * empty or `.`. What makes a name hostile stays in it: `..`, and the slash of an absolute one.
 */
export function pathOfName(name: string): string {
  const start = name.startsWith('./') ? 2 : 0;
  const end = name.endsWith('/') ? name.length - 1 : name.length;
  const path = start < end ? name.slice(start, end) : '';
  return isPlain(path, '.'.length) ? path : plainPath(name);
}

/**
 * Whether no component of a path is empty, or up to so many dots, and there is no NUL in it. Without a list
 * of them.
 */
function isPlain(path: string, mostDots: number): boolean {
  if (path === '') return false;
  let componentIsDots = true;
  let componentStart = 0;
  for (let at = 0; at <= path.length; at++) {
    const code = at === path.length ? SLASH : path.charCodeAt(at);
    if (code === SLASH) {
      if (componentIsDots && at - componentStart <= mostDots) return false;
      componentStart = at + 1;
      componentIsDots = true;
    } else if (code === 0) {
      return false;
    } else if (code !== DOT) {
      componentIsDots = false;
    }
  }
  return true;
}

function plainPath(name: string): string {
  const components = name.split('/').filter((component) => component !== '' && component !== '.');
  return (name.startsWith('/') ? '/' : '') + components.join('/');
}

/** Why a path cannot be stored: one that would leave its tree, or is no path; `undefined` when it can. */
export function pathFault(path: string): string | undefined {
  if (isPlain(path, '..'.length)) return undefined;
  if (path.includes('\0')) return 'it holds a NUL byte';
  if (path.startsWith('/')) return 'it is absolute';
  const components = path === '' ? [] : path.split('/');
  if (components.includes('..')) return 'it leads out of the tree';
  if (components.some((component) => component === '' || component === '.')) {
    return 'a component of it is empty, or a dot';
  }
  return undefined;
}

/** The name of a member in an archive, by its parts. */
export interface MemberName {
  /** As `FileEntry.path`. */
  readonly path: string;
  readonly isDirectory: boolean;
  /**
   * One beside the member that is not there, and in which this name is to be; empty for the member itself.
   */
  readonly folder: string;
}

/** `FileEntry.path` → as vzdump's tar stores it: `./etc/` for the directory `etc`, `./` for the root. */
export function nameOfPath(path: string, isDirectory: boolean): string {
  return isDirectory && path !== '' ? `./${path}/` : `./${path}`;
}

/** `./etc/hosts` in a folder: `./etc/FOLDER/hosts`. */
export function nameOf({ path, isDirectory, folder }: MemberName): string {
  if (folder === '') return nameOfPath(path, isDirectory);
  const slash = path.lastIndexOf('/');
  return `./${path.slice(0, slash + 1)}${folder}/${path.slice(slash + 1) || '.'}`;
}
