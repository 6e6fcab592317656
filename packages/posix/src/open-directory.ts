import type { OpenDirectory } from './directory.js';
import { missingCall } from './system-error.js';

/**
 * Opens a directory by its path, whose links are followed: the user named it.
 * @throws a Node-style error; `ENOTDIR` for anything but a directory
 */
export function openDirectory(path: string): OpenDirectory {
  throw missingCall('open', path);
}
