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
