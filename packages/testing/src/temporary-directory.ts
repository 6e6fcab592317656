import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { mkdtemp, readlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, onTestFinished } from 'vitest';

/** A directory for the test that runs, gone when it is over. @param within on which file system */
export async function scratch(within: string = tmpdir()): Promise<string> {
  const directory = await makeDirectory(within);
  onTestFinished(() => remove(directory));
  return directory;
}

/** Gives each test of a file a directory of its own. @returns a function that tells its path */
export function useTemporaryDirectory(within: string = tmpdir()): () => string {
  let directory: string;
  beforeEach(async () => {
    directory = await makeDirectory(within);
  });
  afterEach(() => remove(directory));
  return () => directory;
}

/** A directory that the tests of a file share: made before them all, removed after. */
export function keptScratch() {
  let directory = '';
  return {
    make: async () => {
      directory = await makeDirectory(tmpdir());
    },
    path: (name: string) => join(directory, name),
    remove: () => remove(directory),
  };
}

/** A directory for what is done in it, which may be less than a test. @param parent on which file system */
export async function withDirectory(
  use: (directory: string) => void | Promise<void>,
  parent: string = tmpdir(),
): Promise<void> {
  const directory = await makeDirectory(parent);
  try {
    await use(directory);
  } finally {
    await remove(directory);
  }
}

/** The files below a directory that this process has open. */
export async function openFilesIn(directory: string): Promise<string[]> {
  const links = readdirSync('/proc/self/fd').map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => ''));
  return (await Promise.all(links)).filter((path) => path.startsWith(directory));
}

function makeDirectory(parent: string): Promise<string> {
  return mkdtemp(join(parent, 'vzdump-format-test-'));
}

/** Node's own `rm` does not find names that are not UTF-8. By its path, since some tests change PATH. */
async function remove(directory: string): Promise<void> {
  await promisify(execFile)('/bin/rm', ['-rf', '--', directory]);
}
