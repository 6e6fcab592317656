import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'vitest';
import { REQUIRED } from './requirements.js';
import { runToolSync } from './run-tool.js';
import { withDirectory } from './temporary-directory.js';

/** What it takes to make a file system: nothing, or a program that makes it in an image of so many MiB. */
export interface FileSystemKind {
  readonly type: string;
  readonly options?: string;
  readonly make?: readonly string[];
  readonly mebibytes?: number;
  /** Whether there may be kernels without it where everything else is required. */
  readonly rare?: boolean;
}

/** Images are sparse; they are as large as each needs to be made at all. */
export const EXT4: FileSystemKind = { type: 'ext4', make: ['mkfs.ext4', '-q', '-F'] };
export const XFS: FileSystemKind = { type: 'xfs', make: ['mkfs.xfs', '-q'], mebibytes: 320 };
export const BTRFS: FileSystemKind = { type: 'btrfs', make: ['mkfs.btrfs', '-q'], mebibytes: 128 };

/**
 * A test with a new file system mounted at `directory`. Where that cannot be had (it takes root, loop
 * devices, a program, and a kernel that knows it), the test is skipped, and says so.
 */
export function testOnFileSystem(
  name: string,
  kind: FileSystemKind,
  body: (directory: string) => void | Promise<void>,
): void {
  test(`${name} (on ${kind.type})`, async (context) => {
    await withDirectory(async (parent) => {
      const directory = join(parent, 'mounted');
      try {
        mountNew(kind, join(parent, 'image'), directory);
      } catch (error) {
        if (REQUIRED && !kind.rare) throw error;
        return context.skip(`${kind.type} cannot be mounted here: ${(error as Error).message}`);
      }
      try {
        await body(directory);
      } finally {
        runToolSync('umount', [directory]);
      }
    });
  });
}

function mountNew(kind: FileSystemKind, image: string, directory: string): void {
  const { type, options = 'rw', make, mebibytes = 32 } = kind;
  mkdirSync(directory);
  if (make !== undefined) {
    const [tool, ...args] = make;
    writeFileSync(image, '');
    truncateSync(image, mebibytes << 20);
    runToolSync(tool!, [...args, image]);
  }
  const mountOptions = [options, ...(make === undefined ? [] : ['loop'])].join(',');
  runToolSync('mount', ['-t', type, '-o', mountOptions, image, directory]);
}
