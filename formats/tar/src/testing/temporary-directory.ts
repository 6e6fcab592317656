import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';

/** Gives each test of a file a directory of its own. @returns a function that tells its path */
export function useTemporaryDirectory(): () => string {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tar-'));
  });
  afterEach(async () => {
    await rm(directory, { recursive: true });
  });
  return () => directory;
}
