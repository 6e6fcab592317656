import { watch } from 'node:fs';
import { mkdtemp, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { removeTree } from '@vzdump-format/posix';
import { onTestFinished } from 'vitest';

/** A directory for the test that runs, gone when it is over. */
export async function scratch(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'vzdump-format-test-'));
  onTestFinished(() => removeTree(directory));
  return directory;
}

/** A directory that the tests of a file share: made before them all, removed after. */
export function keptScratch() {
  let directory = '';
  return {
    make: async () => {
      directory = await mkdtemp(join(tmpdir(), 'vzdump-format-test-'));
    },
    path: (name: string) => join(directory, name),
    remove: () => removeTree(directory),
  };
}

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
