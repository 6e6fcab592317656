import {
  closeFile,
  type DirectoryListing,
  fileStatus,
  type OpenDirectory,
  readBytes,
} from '@vzdump-format/posix';
import type { ExcludeRules } from '../excludes/excludes.js';

/** The rules for what is in a directory, which may add some of its own. */
export function rulesWithin(
  rules: ExcludeRules | undefined,
  path: string,
  directory: OpenDirectory,
  listing: readonly DirectoryListing[],
): ExcludeRules | undefined {
  if (rules?.within === undefined) return rules;
  return rules.within(path, (wanted, largest) =>
    listing.some(({ name }) => name === wanted) ? readRules(directory, wanted, largest) : undefined,
  );
}

/** `undefined` for what cannot be read, too: the walk will say so when it comes to the file itself. */
function readRules(directory: OpenDirectory, name: string, largest: number): Uint8Array | undefined {
  try {
    const fd = directory.openFile(name);
    try {
      const { type, size } = fileStatus(fd);
      if (type !== 'file' || size > largest) return undefined;
      const buffer = Buffer.alloc(size);
      return buffer.subarray(0, readBytes(fd, buffer));
    } finally {
      closeFile(fd);
    }
  } catch (error) {
    if ('syscall' in (error as Error)) return undefined;
    throw error;
  }
}
