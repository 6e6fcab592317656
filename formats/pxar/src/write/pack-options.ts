import type { FileEntry } from '@vzdump-format/file-tree';
import { pathToBytes } from '@vzdump-format/posix';
import type { ChunkSink, OnProgress, OnWarning } from '@vzdump-format/streams';

export interface PackPxarOptions {
  /** Makes a split archive (version 2): contents go here, and the archive has the rest. */
  readonly payload?: ChunkSink | undefined;
  /**
   * What was left out, to be noted in the archive as `pxar create` does with the patterns of its command
   * line.
   */
  readonly excludePatterns?: readonly string[] | undefined;
  /**
   * Who owns the file with these notes: as `pxar create` has it, who runs it, so that they can restore it.
   * Unless given, root.
   */
  readonly excludesOwner?: { readonly uid: number; readonly gid: number } | undefined;
  /** In place of those, for a split archive: any bytes, up to 16 MiB. */
  readonly prelude?: Uint8Array | undefined;
  /** Which extended attributes to keep; all unless given. See `isKeptByProxmox`. */
  readonly keepsXattr?: ((name: string) => boolean) | undefined;
  readonly onProgress?: OnProgress | undefined;
  readonly onWarning?: OnWarning | undefined;
  readonly signal?: AbortSignal | undefined;
}

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
