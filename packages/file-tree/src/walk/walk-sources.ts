import { closeSync, openSync } from 'node:fs';
import {
  closeFile,
  type DirectoryEntry,
  type FileStatus,
  fileStatus,
  type OpenDirectory,
  openDirectory,
  pathToBytes,
  printableName,
  readBytes,
} from '@vzdump-format/posix';
import { ArchiveError } from '@vzdump-format/streams';
import type { ExcludeRules } from '../excludes/excludes.js';

/** Where a walk begins. */
export interface OpenSource {
  readonly path: string;
  readonly directory: OpenDirectory;
  readonly status: FileStatus;
  /**
   * The rules that count for the directory itself: those that it holds for what is in it are not yet among
   * them.
   */
  readonly rules: ExcludeRules | undefined;
}

/**
 * Opens a directory below the root, name by name, no link among them.
 * @returns `undefined` when it is excluded, or one above it
 * @throws `TREE_SOURCE`; the system's error
 */
export function openSource(
  root: string,
  source: string,
  excludes?: ExcludeRules | undefined,
): OpenSource | undefined {
  const names = namesOf(source);
  let rules = excludes;
  let path = '';
  let directory = openDirectory(root);
  try {
    for (const name of names) {
      if (rules?.excludes(path, true)) break;
      rules = rulesWithin(rules, path, directory, directory.list());
      const inner = directory.openDirectory(name);
      directory.close();
      directory = inner;
      path = path === '' ? name : `${path}/${name}`;
    }
    if (!rules?.excludes(path, true)) return { path, directory, status: statusOfSource(directory), rules };
    directory.close();
    return undefined;
  } catch (error) {
    directory.close();
    throw error;
  }
}

function namesOf(source: string): string[] {
  const names = source.split('/').filter((name) => name !== '' && name !== '.');
  if (names.includes('..') || source.includes('\0')) {
    throw new ArchiveError('TREE_SOURCE', `${printableName(source)} is not below the root of the tree`, {
      entry: source,
    });
  }
  return names;
}

/** A portable directory is not open, and the source's may be one that a link led to. */
function statusOfSource({ fd, path }: OpenDirectory): FileStatus {
  if (fd !== undefined) return fileStatus(fd);
  const opened = openSync(pathToBytes(path), 'r');
  try {
    return fileStatus(opened);
  } finally {
    closeSync(opened);
  }
}

/** The rules for what is in a directory, which may add some of its own. */
export function rulesWithin(
  rules: ExcludeRules | undefined,
  path: string,
  directory: OpenDirectory,
  listing: readonly DirectoryEntry[],
): ExcludeRules | undefined {
  if (rules?.within === undefined) return rules;
  return rules.within(path, (wanted, largest) =>
    listing.some(({ name }) => name === wanted) ? readRules(directory, wanted, largest) : undefined,
  );
}

/** `undefined` for what cannot be read, too: the walk will say so when it comes to the file itself. */
function readRules(directory: OpenDirectory, name: string, largest: number): Uint8Array | undefined {
  try {
    const fd = directory.openFile(name);
    try {
      const { type, size } = fileStatus(fd);
      if (type !== 'file' || size > largest) return undefined;
      const buffer = Buffer.alloc(size);
      return buffer.subarray(0, readBytes(fd, buffer));
    } finally {
      closeFile(fd);
    }
  } catch (error) {
    if ('syscall' in (error as Error)) return undefined;
    throw error;
  }
}
