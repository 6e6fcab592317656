import { mkdir, rmdir } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Makes a directory with those above it. @returns what removes those that are new, as far as they are empty */
export async function makeDirectories(path: string): Promise<() => Promise<void>> {
  const topmost = await mkdir(path, { recursive: true });
  return async () => {
    if (topmost === undefined) return;
    for (let at = path; at.length >= topmost.length; at = dirname(at)) {
      const isGone = await rmdir(at).then(
        () => true,
        () => false,
      );
      if (!isGone) return;
    }
  };
}
