import { watch } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** Waits for a name in a directory, which may be there already. @returns its path */
export async function nameIn(directory: string, pattern: RegExp): Promise<string> {
  const watcher = watch(directory);
  try {
    for (;;) {
      const changed = new Promise((resolve, reject) => watcher.once('change', resolve).once('error', reject));
      const found = (await readdir(directory)).find((name) => pattern.test(name));
      if (found !== undefined) return join(directory, found);
      await changed;
    }
  } finally {
    watcher.close();
  }
}

/** The name under which a file stands while it is written. */
export const PARTIAL = /^\.vzdump-format-.*\.partial$/;
