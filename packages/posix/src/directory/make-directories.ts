import { mkdirSync, rmdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { nodePath } from '../path-text.js';

/**
 * Makes a directory and those above it that are missing. Node's own recursive `mkdir` does not return where a
 * file system says of a directory in one that is there that it cannot be, as /proc does.
 *
 * @returns those that are new, outermost first
 * @throws the system's error; those made until then are gone again
 */
export function makeDirectories(path: string): readonly string[] {
  const missing: string[] = [];
  for (let at = path; !isDirectory(at); at = dirname(at)) {
    missing.unshift(at);
    if (dirname(at) === at) break;
  }
  const made: string[] = [];
  try {
    for (const directory of missing) if (makeDirectory(directory)) made.push(directory);
  } catch (error) {
    removeEmptyDirectories(made);
    throw error;
  }
  return made;
}

/** Takes back what `makeDirectories` made; what is not empty by now stays. */
export function removeEmptyDirectories(made: readonly string[]): void {
  for (const directory of made.toReversed()) {
    try {
      rmdirSync(nodePath(directory));
    } catch {
      return;
    }
  }
}

/** @returns whether it is new: somebody else may be faster */
function makeDirectory(path: string): boolean {
  try {
    mkdirSync(nodePath(path));
    return true;
  } catch (error) {
    if (isDirectory(path)) return false;
    throw error;
  }
}

function isDirectory(path: string): boolean {
  return statSync(nodePath(path), { throwIfNoEntry: false })?.isDirectory() ?? false;
}
