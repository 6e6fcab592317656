import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'vitest';
import { runTool, withDirectory } from './tools.js';

/** What it takes to make a file system: nothing, or a program that makes it in an image of so many MiB. */
export interface FileSystemKind {
  readonly type: string;
  readonly options?: string;
  readonly make?: readonly string[];
  readonly mebibytes?: number;
  /** Whether there may be kernels without it where everything else is required. */
  readonly rare?: boolean;
}

/** Where everything that tests use is there, so that what is missing is a failure. */
const REQUIRED = process.env.CI !== undefined;

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
      mkdirSync(directory);
      try {
        mount(kind, join(parent, 'image'), directory);
      } catch (error) {
        if (REQUIRED && !kind.rare) throw error;
        return context.skip(`${kind.type} cannot be mounted here: ${(error as Error).message}`);
      }
      try {
        await body(directory);
      } finally {
        runTool('umount', [directory]);
      }
    });
  });
}

function mount(
  { type, options, make, mebibytes = 32 }: FileSystemKind,
  image: string,
  directory: string,
): void {
  if (make !== undefined) {
    const [tool, ...args] = make;
    writeFileSync(image, '');
    truncateSync(image, mebibytes << 20);
    runTool(tool!, [...args, image]);
  }
  const mountOptions = [options ?? 'rw', ...(make === undefined ? [] : ['loop'])].join(',');
  runTool('mount', ['-t', type, '-o', mountOptions, image, directory]);
}
