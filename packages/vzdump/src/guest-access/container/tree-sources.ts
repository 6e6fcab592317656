import { lstat } from 'node:fs/promises';
import { pathToBytes } from '@vzdump-format/posix';

/**
 * Which of a container's mount points have to be walked by themselves, when each walk stays on one file
 * system. Directories of the same storage are on the same one: a walk of the rootfs comes across what is
 * mounted there from others, and to name them once more would put everything into the archive twice.
 *
 * @param root where they are mounted
 * @param paths of the mount points, `/` first, in the order in which they are mounted
 * @returns as `WalkOptions.sources`
 */
export async function treeSources(root: string, paths: readonly string[]): Promise<readonly string[]> {
  const sources: (readonly string[])[] = [];
  for (const names of paths.map((path) => path.split('/').filter((name) => name !== ''))) {
    const around = sources.filter((source) => source.every((name, index) => name === names[index]));
    const nearest = around.sort((one, other) => other.length - one.length)[0];
    if (nearest === undefined || !(await isSameFileSystem(root, nearest.length, names))) sources.push(names);
  }
  return sources.map((names) => names.join('/'));
}

/** Whether the path below its first `depth` names is on the same file system as these, all the way. */
async function isSameFileSystem(root: string, depth: number, names: readonly string[]): Promise<boolean> {
  const deviceOf = async (length: number) =>
    (await lstat(pathToBytes([root, ...names.slice(0, length)].join('/')))).dev;
  const device = await deviceOf(depth);
  for (let length = depth + 1; length <= names.length; length++) {
    if ((await deviceOf(length)) !== device) return false;
  }
  return true;
}
