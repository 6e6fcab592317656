import { pathToBytes, printableName } from '@vzdump-format/posix';
import { ArchiveError } from '@vzdump-format/streams';

/** NAME_MAX of the Linux file systems. */
const NAME_MAX_BYTES = 255;

/** Why `name` cannot be one component of a path below a directory; `undefined` when it can. */
export function fileNameFault(name: string): string | undefined {
  if (name === '') return 'it is empty';
  if (name === '.' || name === '..') return 'it names a directory itself';
  if (name.includes('/')) return 'it holds a slash';
  if (name.includes('\0')) return 'it holds a NUL byte';
  if (pathToBytes(name).length > NAME_MAX_BYTES) return `it is longer than ${NAME_MAX_BYTES} bytes`;
  return undefined;
}

/** Returns `name` if it can be one component of a path. @throws `UNSAFE_NAME` */
export function requireFileName(name: string): string {
  const fault = fileNameFault(name);
  if (fault !== undefined) {
    throw new ArchiveError('UNSAFE_NAME', `"${printableName(name)}" cannot be a file name: ${fault}`, {
      entry: name,
    });
  }
  return name;
}

/**
 * The most names in a path. Each directory takes a descriptor while it is open; no file system in use has
 * trees as deep (PATH_MAX leaves room for 2048 names).
 */
const MOST_COMPONENTS = 2048;

/**
 * The names that a path out of an archive leads through, from the root of the tree on; none for the root
 * itself. A leading `/` counts for nothing, as in tar, and neither do `.` and empty names.
 *
 * @throws `TREE_PATH_PARENT` for `..`, `TREE_PATH_NUL`, `TREE_PATH_DEPTH`
 */
export function pathComponents(path: string): string[] {
  if (path.includes('\0')) throw unusable('TREE_PATH_NUL', path, 'it holds a NUL byte');
  const components = path.split('/').filter((name) => name !== '' && name !== '.');
  if (components.includes('..')) throw unusable('TREE_PATH_PARENT', path, "it holds '..'");
  if (components.length > MOST_COMPONENTS) {
    throw unusable('TREE_PATH_DEPTH', path, `it is more than ${MOST_COMPONENTS} directories deep`);
  }
  return components;
}

/** Whether the text is one component that `pathComponents` would keep as it is. */
export function isPlainName(name: string): boolean {
  return name !== '' && name !== '.' && name !== '..' && !name.includes('/') && !name.includes('\0');
}

function unusable(code: string, path: string, why: string): ArchiveError {
  return new ArchiveError(code, `the path ${printableName(path)} is not restored: ${why}`, { entry: path });
}

/** The path of the directory that an entry is in. For the root itself, it is the root's own. */
export function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}
