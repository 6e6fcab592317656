import type { OpenDirectory } from '@vzdump-format/posix';
import { printableName } from '@vzdump-format/posix';
import { ArchiveError } from '@vzdump-format/streams';
import type { Device, FileEntry } from '../entry/entry.js';
import { NamedInode } from './restore-inode.js';
import type { LossKind } from './restore-losses.js';
import type { Restoration } from './restore-run.js';

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
export function requireLinkTarget(entry: FileEntry): string {
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
