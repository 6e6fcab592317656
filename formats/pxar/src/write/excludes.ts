import type { FileEntry } from '@vzdump-format/file-tree';
import { pathToBytes } from '@vzdump-format/posix';

/** The file in the root of a version 1 archive that tells what was left out of it. */
export const EXCLUDES_FILE = '.pxarexclude-cli';

/** That file, as `pxar create` makes it of the patterns of its command line. */
export function excludesFile(
  patterns: readonly string[],
  { uid, gid }: Pick<FileEntry, 'uid' | 'gid'> = { uid: 0, gid: 0 },
): FileEntry & { readonly content: Uint8Array } {
  const content = pathToBytes(lines(patterns));
  return {
    ...{ path: EXCLUDES_FILE, type: 'file', mode: 0o600, uid, gid },
    ...{ mtime: 0n, size: content.length, content },
  };
}

/** What stands in the place of the file in a split archive: its prelude. */
export function excludesPrelude(patterns: readonly string[]): Uint8Array {
  return Buffer.from(JSON.stringify({ 'exclude-patterns': lines(patterns) }));
}

function lines(patterns: readonly string[]): string {
  return patterns.map((pattern) => `${pattern}\n`).join('');
}
