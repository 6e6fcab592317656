import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';

/** Gives each test of the file a directory of its own; returns a function that tells its path. */
export function useTemporaryDirectory(within: string = tmpdir()): () => string {
  let path: string;
  beforeEach(() => {
    path = mkdtempSync(join(within, 'posix-'));
  });
  afterEach(() => rmSync(path, { recursive: true, force: true }));
  return () => path;
}
