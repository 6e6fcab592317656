import type { PathLike } from 'node:fs';
import { hasEscapedBytes, pathToBytes } from '../text/path-bytes.js';

/** A path for `node:fs`, which takes bytes that are not UTF-8 in a buffer. */
export function nodePath(path: string): PathLike {
  return hasEscapedBytes(path) ? pathToBytes(path) : path;
}
