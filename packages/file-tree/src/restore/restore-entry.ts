import { printableName } from '@vzdump-format/posix';
import { ArchiveError } from '@vzdump-format/streams';
import type { FileEntry } from '../entry/entry.js';
import { restoreDirectory, restoreRoot } from './restore-directory.js';
import { restoreFile } from './restore-file.js';
import { restoreHardlink } from './restore-hardlink.js';
import { isPlainName } from './restore-names.js';
import { restoreNode } from './restore-node.js';
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
 * The name, if the path is spelled as that of the directory that the run is in, and one name more. It mostly
 * is.
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

/** Says which entry it was that the system refused. */
function fail(entry: FileEntry, error: unknown): never {
  if (!(error instanceof Error && 'syscall' in error)) throw error;
  throw new ArchiveError('TREE_SYSTEM', `${printableName(entry.path)} cannot be restored: ${error.message}`, {
    entry: entry.path,
    cause: error,
  });
}
