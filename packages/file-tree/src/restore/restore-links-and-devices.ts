import {
  closeFile,
  type FileStatus,
  getFlags,
  type OpenDirectory,
  printableName,
  setFlags,
} from '@vzdump-format/posix';
import { ArchiveError, isNotFound } from '@vzdump-format/streams';
import type { Device, FileEntry } from '../entry/entry.js';
import { NamedInode } from './restore-inode.js';
import type { LossKind } from './restore-losses.js';
import { componentsOf, type Restoration } from './restore-run.js';

/** Until its metadata are set. */
const PRIVATE = 0o600;

/**
 * Makes what has no content: a symlink, device, pipe or socket. It is never opened. @returns whether it was
 * made
 */
export function restoreNode(run: Restoration, name: string, entry: FileEntry): boolean {
  const { type } = entry;
  switch (type) {
    case 'symlink': {
      const target = requireLinkTarget(entry);
      return makeNode(run, name, entry, 'symlink', (directory) => directory.makeSymlink(target, name));
    }
    case 'fifo':
    case 'socket':
      if (type === 'socket' && !run.options.sockets) return leaveOut(run, entry, 'socket');
      return makeNode(run, name, entry, type, (directory) => directory.makeNode(name, type, PRIVATE));
    case 'block':
    case 'char': {
      const { device } = entry;
      if (device === undefined) throw unusable('TREE_DEVICE', entry, 'a device without a number');
      if (!run.options.devices && !isWhiteout(type, device)) return leaveOut(run, entry, 'device');
      return makeNode(run, name, entry, 'device', (directory) =>
        directory.makeNode(name, type, PRIVATE, device),
      );
    }
    default:
      throw new TypeError(`not a node: ${type}`);
  }
}

/** @throws `TREE_LINK_TARGET` when there is none that a link could have */
function requireLinkTarget(entry: FileEntry): string {
  const { linkTarget } = entry;
  if (linkTarget === undefined || linkTarget === '')
    throw unusable('TREE_LINK_TARGET', entry, 'a link to nothing');
  if (linkTarget.includes('\0'))
    throw unusable('TREE_LINK_TARGET', entry, 'a link to a path with a NUL byte');
  return linkTarget;
}

function makeNode(
  run: Restoration,
  name: string,
  entry: FileEntry,
  kind: LossKind,
  create: (directory: OpenDirectory) => void,
): boolean {
  try {
    if (!run.names.make(name, entry, create)) return false;
  } catch (error) {
    run.losses.addError(kind, entry.path, error);
    return false;
  }
  const { directory, newFiles } = run.directories.current;
  const inode = new NamedInode(directory, name);
  run.metadata.give(inode, entry, newFiles.ask(inode));
  run.metadata.giveFlagsAfterwards(inode, entry);
  return true;
}

/**
 * How an overlay file system says that a file is not there. It is no device, and anyone may make one
 * (mknod(2)).
 */
function isWhiteout(type: 'block' | 'char', { major, minor }: Device): boolean {
  return type === 'char' && major === 0 && minor === 0;
}

function leaveOut(run: Restoration, { path }: FileEntry, kind: LossKind): false {
  run.losses.add(kind, path, 'not wanted');
  return false;
}

function unusable(code: string, { path }: FileEntry, what: string): ArchiveError {
  return new ArchiveError(code, `${printableName(path)} is ${what}`, { entry: path });
}

// <linux/fs.h>: flags of files that can get no further name
const FS_IMMUTABLE_FL = 0x10;
const FS_APPEND_FL = 0x20;

interface Target {
  readonly directory: OpenDirectory;
  readonly name: string;
  readonly status: FileStatus;
}

/**
 * Makes another name for a file. That is looked up as entries are: from the root of the tree, without
 * following a link. Where the last of the names is a symlink's, it is the symlink that gets another name.
 * Nothing but the name is made: what the entry says of owner, mode and times came with the file.
 *
 * @returns whether it is there
 * @throws `TREE_LINK_TARGET`; `TREE_LINK_MISSING` when there is no such file, though nothing was left out;
 *   `TREE_LINK_TO_DIRECTORY`; `TREE_THROUGH_LINK`
 */
export function restoreHardlink(run: Restoration, name: string, entry: FileEntry): boolean {
  const linkTarget = requireLinkTarget(entry);
  const target = findTarget(run, linkTarget);
  if (target === undefined) {
    if (!leavesOut(run)) throw refused('TREE_LINK_MISSING', entry, 'which is not there');
    run.losses.add('hardlink', entry.path, `${printableName(linkTarget)} is not there`);
    return false;
  }
  if (target.status.type === 'directory') throw refused('TREE_LINK_TO_DIRECTORY', entry, 'a directory');
  if (isSame(run.directories.current.directory, name, target.status)) return true;
  try {
    return run.names.make(name, entry, (directory) => makeLink(directory, name, target));
  } catch (error) {
    run.losses.addError('hardlink', entry.path, error);
    return false;
  }
}

function findTarget(run: Restoration, path: string): Target | undefined {
  const components = componentsOf(run, path);
  const name = components.pop();
  try {
    run.targets.goTo(components);
    const { directory, inode } = run.targets.current;
    const status = name === undefined ? inode.status() : directory.status(name);
    return { directory, name: name ?? '', status };
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** Whether what a hard link names may be missing because this run left something out. */
function leavesOut({ options, losses }: Restoration): boolean {
  const kinds = losses.counts();
  return options.excludes !== undefined || LEFT_OUT.some((kind) => kinds[kind] !== undefined);
}

const LEFT_OUT = ['device', 'socket', 'fifo', 'symlink', 'hardlink'] as const;

function isSame(directory: OpenDirectory, name: string, target: FileStatus): boolean {
  try {
    const { inode, deviceId } = directory.status(name);
    return inode === target.inode && deviceId === target.deviceId;
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}

function makeLink(directory: OpenDirectory, name: string, target: Target): void {
  try {
    directory.makeLink(name, target.directory, target.name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM' || target.status.type !== 'file') throw error;
    if (!linkChangeable(directory, name, target)) throw error;
  }
}

/**
 * Links a file that an entry made immutable, by taking that back for the moment. `false` if that is not the
 * reason.
 */
function linkChangeable(directory: OpenDirectory, name: string, target: Target): boolean {
  const fd = target.directory.openFile(target.name);
  try {
    const flags = getFlags(fd) ?? 0;
    const changeable = flags & ~(FS_IMMUTABLE_FL | FS_APPEND_FL);
    if (changeable === flags) return false;
    setFlags(fd, changeable);
    try {
      directory.makeLink(name, target.directory, target.name);
    } finally {
      setFlags(fd, flags);
    }
    return true;
  } finally {
    closeFile(fd);
  }
}

function refused(code: string, { path, linkTarget }: FileEntry, what: string): ArchiveError {
  const message = `${printableName(path)} is a hard link to ${printableName(linkTarget!)}, ${what}`;
  return new ArchiveError(code, message, { entry: path });
}
