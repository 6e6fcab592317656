import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Paths below a directory, in order, each with what it is: a file's text, a link's `-> target`, or a letter.
 * Bytes are taken one by one (latin1).
 */
export function contentsOf(directory: string): Record<string, string> {
  return Object.fromEntries(pathsBelow(directory).map((path) => [path, describe(join(directory, path))]));
}

/**
 * All that the system knows of a directory and everything below it but `except`. A change of anything shows
 * in it.
 */
export function everythingOf(directory: string, except: string): Record<string, string> {
  return Object.fromEntries(
    ['', ...pathsBelow(directory, '', except)].map((path) => {
      const full = join(directory, path);
      const { mode, uid, gid, nlink, size, mtimeNs, ctimeNs } = lstatSync(bytesOf(full), { bigint: true });
      return [path, [mode.toString(8), uid, gid, nlink, size, mtimeNs, ctimeNs, describe(full)].join(' ')];
    }),
  );
}

function pathsBelow(directory: string, prefix = '', except?: string): string[] {
  return readdirSync(bytesOf(join(directory, prefix)), { withFileTypes: true, encoding: 'latin1' })
    .filter(({ name }) => name !== except)
    .flatMap((found) => {
      const path = join(prefix, found.name);
      return found.isDirectory() ? [path, ...pathsBelow(directory, path)] : [path];
    })
    .sort();
}

function bytesOf(path: string): Buffer {
  return Buffer.from(path, 'latin1');
}

function describe(latin1: string): string {
  const path = bytesOf(latin1);
  const stat = lstatSync(path);
  if (stat.isFile()) return readFileSync(path, 'latin1');
  if (stat.isSymbolicLink()) return `-> ${readlinkSync(path, 'latin1')}`;
  if (stat.isDirectory()) return 'd';
  if (stat.isBlockDevice()) return 'b';
  if (stat.isCharacterDevice()) return 'c';
  return stat.isFIFO() ? 'p' : 's';
}
