import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

/** Paths below a directory, in order, each with what it is: a file's text, a link's `-> target`, or a letter. */
export function contentsOf(directory: string): Record<string, string> {
  return Object.fromEntries(pathsBelow(directory).map((path) => [path, describe(join(directory, path))]));
}

/** All that the system knows of everything below a directory, and of itself. A change of anything shows in it. */
export function everythingOf(directory: string): Record<string, string> {
  return Object.fromEntries(
    ['', ...pathsBelow(directory)].map((path) => {
      const full = join(directory, path);
      const { mode, uid, gid, nlink, size, mtimeNs, ctimeNs } = lstatSync(full, { bigint: true });
      return [path, [mode.toString(8), uid, gid, nlink, size, mtimeNs, ctimeNs, describe(full)].join(' ')];
    }),
  );
}

function pathsBelow(directory: string, prefix = ''): string[] {
  return readdirSync(join(directory, prefix), { withFileTypes: true })
    .flatMap((found) => {
      const path = join(prefix, found.name);
      return found.isDirectory() ? [path, ...pathsBelow(directory, path)] : [path];
    })
    .sort();
}

function describe(path: string): string {
  const stat = lstatSync(path);
  if (stat.isFile()) return readFileSync(path, 'latin1');
  if (stat.isSymbolicLink()) return `-> ${readlinkSync(path)}`;
  if (stat.isDirectory()) return 'd';
  if (stat.isBlockDevice()) return 'b';
  if (stat.isCharacterDevice()) return 'c';
  return stat.isFIFO() ? 'p' : 's';
}
