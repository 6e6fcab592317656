import { spawnSync } from 'node:child_process';
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
}

/**
 * A test with a new file system mounted at `directory`. Where it cannot be mounted (it takes root, loop devices, and a kernel
 * that knows it), the test is skipped, and says so; a program that is missing is another matter.
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
      const complaint = mount(kind, join(parent, 'image'), directory);
      if (complaint !== undefined) return context.skip(`${kind.type} cannot be mounted here: ${complaint}`);
      try {
        await body(directory);
      } finally {
        runTool('umount', [directory]);
      }
    });
  });
}

/** @returns why it cannot be */
function mount(kind: FileSystemKind, image: string, directory: string): string | undefined {
  if (process.getuid?.() !== 0) return 'it takes the rights of root';
  const options = [
    '-t',
    kind.type,
    '-o',
    [kind.options, kind.make && 'loop'].filter(Boolean).join(',') || 'rw',
  ];
  if (kind.make !== undefined) {
    writeFileSync(image, '');
    truncateSync(image, (kind.mebibytes ?? 32) << 20);
    const [tool, ...args] = kind.make;
    runTool(tool!, [...args, image]);
  }
  const { status, stderr } = spawnSync('mount', [...options, image, directory], { encoding: 'utf8' });
  return status === 0 ? undefined : stderr.trim();
}
