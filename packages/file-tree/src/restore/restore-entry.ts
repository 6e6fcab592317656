import { printableName } from '@vzdump-format/posix';
import { ArchiveError } from '@vzdump-format/streams';
import type { FileEntry } from '../entry/entry.js';
import { isPlainName } from '../entry/entry-path.js';
import { ACCESS_ACL, DEFAULT_ACL } from '../metadata/acl.js';
import { restoreFile } from './restore-file.js';
import { NamedInode } from './restore-inode.js';
import { restoreHardlink, restoreNode } from './restore-links-and-devices.js';
import { removeAcl } from './restore-metadata.js';
import { componentsOf, type Restoration } from './restore-run.js';

/**
 * Makes one entry on disk, from within the directory that it belongs in.
 * @returns whether it is there; a promise when it takes longer, because its content comes in pieces
 */
export function restoreEntry(run: Restoration, entry: FileEntry): boolean | Promise<boolean> {
  try {
    const restored = goAndRestore(run, entry);
    return typeof restored === 'boolean' ? restored : restored.catch((error) => fail(entry, error));
  } catch (error) {
    return fail(entry, error);
  }
}

function goAndRestore(run: Restoration, entry: FileEntry): boolean | Promise<boolean> {
  const { path, type } = entry;
  const { excludes } = run.options;
  const nameHere = nameInCurrentDirectory(run, path);
  if (nameHere !== undefined) {
    if (excludes?.(path, type === 'directory')) return passOver(run);
    return restoreHere(run, nameHere, entry);
  }
  const components = componentsOf(run, path);
  if (excludes?.(components.join('/'), type === 'directory')) return passOver(run);
  const name = components.pop();
  run.directories.goTo(components);
  return name === undefined ? restoreRoot(run, entry) : restoreHere(run, name, entry);
}

/**
 * The name of an entry in the directory that the run is in, as most entries are; `undefined` for other
 * paths.
 */
function nameInCurrentDirectory({ directories }: Restoration, path: string): string | undefined {
  const { prefix } = directories;
  if (!path.startsWith(prefix)) return undefined;
  const name = path.slice(prefix.length);
  return isPlainName(name) ? name : undefined;
}

function restoreHere(run: Restoration, name: string, entry: FileEntry): boolean | Promise<boolean> {
  run.directories.touch();
  switch (entry.type) {
    case 'directory':
      return restoreDirectory(run, name, entry);
    case 'file':
      return restoreFile(run, name, entry);
    case 'hardlink':
      return restoreHardlink(run, name, entry);
    default:
      return restoreNode(run, name, entry);
  }
}

function passOver({ names }: Restoration): false {
  names.skipped++;
  return false;
}

/** Says which entry the system refused. */
function fail(entry: FileEntry, error: unknown): never {
  if (!(error instanceof Error && 'syscall' in error)) throw error;
  throw new ArchiveError('TREE_SYSTEM', `${printableName(entry.path)} cannot be restored: ${error.message}`, {
    entry: entry.path,
    cause: error,
  });
}

/** Until the run leaves it, and its metadata are set. */
const PRIVATE = 0o700;

/**
 * Makes a directory, or takes the one that is there, and goes into it, so that it gets its metadata when the
 * run leaves it. With `skip`, one that is there keeps the metadata that it has. @returns whether it was made
 * or taken
 */
function restoreDirectory(run: Restoration, name: string, entry: FileEntry): boolean {
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
 * Does the same for the target itself, which the run is in. @throws `TREE_ROOT_TYPE` when the entry is not
 * a directory's
 */
function restoreRoot(run: Restoration, entry: FileEntry): boolean {
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
