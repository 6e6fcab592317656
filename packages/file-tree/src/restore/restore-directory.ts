import { ArchiveError } from '@vzdump-format/streams';
import type { FileEntry } from '../entry/entry.js';
import { ACCESS_ACL, DEFAULT_ACL } from '../metadata/acl.js';
import { NamedInode } from './restore-inode.js';
import { removeAcl } from './restore-metadata.js';
import type { Restoration } from './restore-run.js';

/** Until the run leaves it, and its metadata are set. */
const PRIVATE = 0o700;

/**
 * Makes a directory, or takes the one that is there, and goes into it, so that it gets its metadata when the
 * run leaves it. With `skip`, one that is there keeps the metadata that it has. @returns whether it was made
 * or taken
 */
export function restoreDirectory(run: Restoration, name: string, entry: FileEntry): boolean {
  const { directory, newFiles } = run.directories.current;
  const make = () => directory.makeDirectory(name, PRIVATE);
  let isThere = false;
  try {
    make();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    isThere = run.names.typeOf(name) === 'directory';
    if (isThere && run.options.existing === 'skip') {
      run.names.skipped++;
      return false;
    }
    if (!isThere && !run.names.make(name, entry, make)) return false;
  }
  if (!isThere && newFiles.haveAcl) {
    const made = new NamedInode(directory, name);
    for (const attribute of [ACCESS_ACL, DEFAULT_ACL]) removeAcl(made, attribute);
  }
  run.directories.enterFor(entry, name, !isThere);
  return true;
}

/**
 * The same of the target itself, which the run is in. @throws `TREE_ROOT_TYPE` when the entry is not a
 * directory's
 */
export function restoreRoot(run: Restoration, entry: FileEntry): boolean {
  if (entry.type !== 'directory') {
    throw new ArchiveError('TREE_ROOT_TYPE', `the root of the tree is not a directory, but a ${entry.type}`, {
      entry: entry.path,
    });
  }
  const root = run.directories.current;
  if (root.found !== undefined && run.options.existing === 'skip') {
    run.names.skipped++;
    return false;
  }
  root.entry = entry;
  return true;
}
