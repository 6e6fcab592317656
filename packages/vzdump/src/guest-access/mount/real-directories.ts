import { lstat } from 'node:fs/promises';
import { pathToBytes, printableName } from '@vzdump-format/posix';
import { ifThere } from '@vzdump-format/pve';
import { ArchiveError } from '@vzdump-format/streams';

/**
 * Makes sure that a path in a container's tree consists of directories only. With a link in it, which who is
 * root in there can put in place of a directory, it would lead out of the tree, to the host's own files.
 * @param path from the tree's root on
 * @throws `MOUNT_POINT`
 */
export async function requireRealDirectories(root: string, path: string): Promise<void> {
  let at = '';
  for (const name of path.split('/').filter((part) => part !== '')) {
    at += `/${name}`;
    const status = await ifThere(lstat(pathToBytes(root + at)));
    if (status?.isDirectory()) continue;
    const what = status === undefined ? 'is not there' : 'is not a directory';
    throw new ArchiveError('MOUNT_POINT', `${printableName(at)} in the container ${what}`, {
      entry: path,
      hint: `a volume is to be mounted at ${printableName(path)}`,
    });
  }
}
