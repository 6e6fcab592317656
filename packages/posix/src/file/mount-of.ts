import { closeSync, constants, openSync, readFileSync, realpathSync } from 'node:fs';
import { bytesToPath, pathToBytes } from '../text/path-text.js';

/** What a directory is on. */
export interface Mount {
  /** Where it is mounted: an absolute path without symbolic links. */
  readonly path: string;
  /** As `df -T` prints it: `ext4`, `nfs4`. */
  readonly type: string;
}

/**
 * The mount that a directory is on, as the kernel says it of an open file (proc(5): `fdinfo` and
 * `mountinfo`). To open it makes an automounter mount it.
 * @throws the system's error; Error when the kernel does not tell
 */
export function mountOf(directory: string): Mount {
  const opened = openSync(pathToBytes(directory), constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const id = /^mnt_id:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${opened}`, 'utf8'))?.[1];
    const mounts = bytesToPath(readFileSync('/proc/self/mountinfo')).split('\n');
    const fields = mounts.find((line) => line.startsWith(`${id} `))?.split(' ') ?? [];
    const [path, type] = [fields[4], fields[fields.indexOf('-') + 1]];
    if (path === undefined || type === undefined) {
      throw new Error(`the kernel does not tell what file system ${directory} is on`);
    }
    return { path: unescaped(path), type };
  } finally {
    closeSync(opened);
  }
}

/** Whether something is mounted at a directory, be it named by a symbolic link. @throws the system's error */
export function isMountPoint(directory: string): boolean {
  try {
    return mountOf(directory).path === bytesToPath(realpathSync(pathToBytes(directory), 'buffer'));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return false;
    throw error;
  }
}

/** Blanks, line feeds and backslashes stand there in octal: `\040`. */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_match, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}
