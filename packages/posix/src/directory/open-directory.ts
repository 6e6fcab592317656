import { nativeCalls } from '../native/native-calls.js';
import type { OpenDirectory } from './directory.js';
import { NativeDirectory } from './native-directory.js';
import { PortableDirectory } from './portable-directory.js';

/**
 * Opens a directory by its path, whose links are followed: the user named it.
 * @throws a Node-style error; `ENOTDIR` for anything but a directory
 */
export function openDirectory(path: string): OpenDirectory {
  const calls = nativeCalls();
  return calls === null ? PortableDirectory.open(path) : NativeDirectory.open(calls, path);
}
