import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { runTool, scratch } from '@vzdump-format/testing';

/** Mounts an image while it is used. @param options of mount, beside `loop` */
export async function withMounted<Result>(
  image: string,
  use: (mountPoint: string) => Result | Promise<Result>,
  options = 'ro',
): Promise<Result> {
  const mountPoint = join(await scratch(), 'mnt');
  await mkdir(mountPoint);
  await runTool('mount', '-o', `loop,${options}`, image, mountPoint);
  try {
    return await use(mountPoint);
  } finally {
    await runTool('umount', mountPoint);
  }
}

/** The files below a directory that a loop device stands upon. */
export async function loopFilesIn(directory: string): Promise<string[]> {
  const files = await runTool('losetup', '--list', '--noheadings', '--output', 'BACK-FILE');
  return files.split('\n').filter((path) => path.startsWith(directory));
}

/**
 * Resolves when no loop device stands upon a file there: the kernel lets go of those of a process that was
 * killed a moment later.
 */
export async function noLoopFilesIn(directory: string): Promise<void> {
  while ((await loopFilesIn(directory)).length > 0);
}
