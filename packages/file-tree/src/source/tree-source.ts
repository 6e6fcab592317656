import { printableName } from '@vzdump-format/posix';
import { ArchiveError, type ByteSource } from '@vzdump-format/streams';
import type { FileEntry } from '../entry/entry.js';

/**
 * Files at rest: a directory tree in which anything can be asked for by its path. Paths are those of entries
 * (`FileEntry.path`): `etc/hosts`, the root being the empty string. No link is followed on the way.
 *
 * Of entries with one path, the last counts; in a pxar archive, the one that its tables find. A directory
 * that has no entry, but is part of others' paths, belongs to root.
 */
export interface TreeSource<Entry extends FileEntry = FileEntry> {
  /**
   * What an answer costs. `random`: about as much as is asked for. `scan`: everything is read from the
   * beginning; `stat` and `list` do so once and remember it, `open` and `entries` each time.
   */
  readonly access: 'random' | 'scan';

  /** What has this path, without its content; `undefined` when there is nothing. */
  stat(path: string): Promise<Entry | undefined>;

  /** What is in a directory, without contents. @throws `ENTRY_NOT_FOUND`; `ENTRY_KIND` for anything else */
  list(path: string): AsyncIterable<Entry>;

  /**
   * A file, or the file that a hardlink names, for its caller to close.
   * @throws `ENTRY_NOT_FOUND`; `ENTRY_KIND` for anything else
   */
  open(path: string): Promise<ByteSource>;

  /**
   * What has this path and all below it, in the order of the tree; all there is unless a path is given. An
   * entry's content is read before the next is asked for, or not at all.
   * @throws `ENTRY_NOT_FOUND` at the end
   */
  entries(path?: string): AsyncIterable<Entry>;
}

/** A directory that has no entry, but is part of others' paths. */
export function impliedDirectory(path: string): FileEntry {
  return { path, type: 'directory', mode: 0o755, uid: 0, gid: 0, mtime: 0n, size: 0 };
}

/** Those that have a path, or are below it. @throws `ENTRY_NOT_FOUND` at the end when there is none */
export async function* entriesBelow<Entry extends FileEntry>(
  path: string,
  entries: AsyncIterable<Entry>,
): AsyncGenerator<Entry> {
  let isFound = false;
  for await (const entry of entries) {
    if (entry.path !== path && !entry.path.startsWith(`${path}/`)) continue;
    isFound = true;
    yield entry;
  }
  if (!isFound) throw entryNotFound(path);
}

/** @param asked what led to this path, if not the path itself */
export function entryNotFound(path: string, asked: string = path): ArchiveError {
  const what = asked === path ? 'there is no' : `${printableName(asked)} is a link to what is not there,`;
  return new ArchiveError('ENTRY_NOT_FOUND', `${what} ${printableName(path)}`, {
    entry: path,
    hint: 'list shows what there is',
  });
}

export function wrongEntryKind(
  wanted: 'file' | 'directory',
  entry: FileEntry,
  offset?: number,
): ArchiveError {
  const { path, type, linkTarget } = entry;
  const hint =
    linkTarget === undefined
      ? 'list shows what there is'
      : `it points to ${printableName(linkTarget)}: ask for that`;
  const message = `${printableName(path)} is no ${wanted}, but a ${type}`;
  return new ArchiveError('ENTRY_KIND', message, { offset, entry: path, hint });
}
