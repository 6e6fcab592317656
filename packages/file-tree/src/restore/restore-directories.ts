import type { OpenDirectory } from '@vzdump-format/posix';
import { printableName } from '@vzdump-format/posix';
import { ArchiveError } from '@vzdump-format/streams';
import type { FileEntry } from '../entry/entry.js';
import { DEFAULT_ACL } from '../metadata/acl.js';
import { type FoundDirectory, NewFiles } from './restore-directory-state.js';
import type { Owner } from './restore-inode.js';
import { type Inode, NamedInode, OpenInode } from './restore-inode.js';

/** What its owner needs to look into a directory and to change what is in it. The superuser needs nothing. */
const OWNER_MAY_ALL = 0o700;

/** Why a run goes into a directory: it made it, an entry says what it is to be, or it is on the way. */
type Reason = 'made' | 'entry' | 'passing';

/** A directory that the run is in. */
interface Frame {
  readonly name: string;
  readonly directory: OpenDirectory;
  readonly inode: Inode;
  /** What was in it before; `undefined` when this run made the directory. */
  readonly found: FoundDirectory | undefined;
  /** Whether its times are to be as they were, once it is left: an entry that came before set them. */
  readonly keepsTimes: boolean;
  readonly newFiles: NewFiles;
  /** The entry whose metadata it gets when it is left. */
  entry: FileEntry | undefined;
  /** What to put back when it is left, unless an entry says otherwise. */
  formerTime: bigint | undefined;
  formerMode: number | undefined;
}

/** The target of a restore. */
export interface TreeRoot {
  readonly directory: OpenDirectory;
  readonly inode: Inode;
  /** As in a `Frame`. */
  readonly found: FoundDirectory | undefined;
}

export interface OpenDirectoriesOptions {
  /** Makes what is missing on the way; otherwise it is an error, `ENOENT`. */
  readonly makesParents: boolean;
  /** Who owns the directories that are made on the way; this process unless given. */
  readonly parentsOwner?: Owner | undefined;
  /** Whether permissions stand in this process's way. */
  readonly needsPermission: boolean;
  /** Gives a directory its metadata, when it is left for now. */
  readonly settle: (inode: Inode, entry: FileEntry) => void;
}

/**
 * The directories from the target down to the one that the run is in, each opened from within the one before
 * by a single name that is not followed as a link. This is what keeps a restore inside its target: no path of
 * more than one name is ever given to the system, and no name is judged by how it is spelled.
 *
 * A run replaces only what is in the innermost of them, never one of them, so each is still what is at its
 * path. This holds against any archive. It does not hold against another process that moves directories
 * about in the target meanwhile: whoever may do that needs no archive to do harm.
 *
 * A directory's metadata is set when the run leaves it, so memory and descriptors are those of one path.
 */
export class OpenDirectories {
  private readonly frames: Frame[] = [];
  /** The innermost directory. */
  current: Frame;
  /** The innermost directory's path, without dots, empty names or a slash in front. */
  path = '';
  /** What paths of entries in it begin with: its path and a slash, or nothing in the root. */
  prefix = '';

  /** @param root stays its owner's to close */
  constructor(
    root: TreeRoot,
    private readonly options: OpenDirectoriesOptions,
  ) {
    const { directory, inode, found } = root;
    this.current = newFrame('', directory, inode, found, hasDefaultAcl(inode));
    this.frames.push(this.current);
  }

  /**
   * Goes to where these names lead from the root, leaving the directories that are not on the way.
   * @throws `TREE_THROUGH_LINK` where a symlink is on the way, `TREE_NOT_A_DIRECTORY` for another file
   */
  goTo(components: readonly string[]): void {
    let depth = 0;
    while (depth < components.length && this.frames[depth + 1]?.name === components[depth]) depth++;
    while (this.frames.length > depth + 1) this.leave();
    this.setPath(components.slice(0, depth).join('/'));
    for (const name of components.slice(depth)) this.enterOrMake(name);
  }

  /**
   * Goes into a directory that is in the current one, and gives it the metadata of `entry` when it is left.
   */
  enterFor(entry: FileEntry, name: string, made: boolean): void {
    this.enter(name, made ? 'made' : 'entry');
    this.current.entry = entry;
  }

  /** To be called before anything is made or removed in the current directory. */
  touch(): void {
    const { current } = this;
    if (current.keepsTimes) current.formerTime ??= current.inode.status().mtime;
  }

  /** To be called when others may have changed the process's umask. */
  forgetModes(): void {
    for (const { newFiles } of this.frames) newFiles.forgetMode();
  }

  /** Leaves all of them, the root last. */
  leaveAll(): void {
    while (this.frames.length > 0) this.leave();
  }

  /** The same after a failure. Further errors are not reported, for the first one is what counts. */
  abandon(): void {
    while (this.frames.length > 0) {
      try {
        this.leave();
      } catch {}
    }
  }

  private enter(name: string, reason: Reason): void {
    const { directory, found, newFiles } = this.current;
    const made = reason === 'made';
    const formerMode = made ? undefined : this.makePassable(name, reason);
    const opened = directory.openDirectory(name);
    try {
      const inode = opened.fd === undefined ? new NamedInode(directory, name) : new OpenInode(opened.fd);
      const record = made ? undefined : found?.enter(directory, name, opened);
      const givesAcl = (!made || newFiles.haveAcl) && hasDefaultAcl(inode);
      const keepsTimes = !made && (record?.settled ?? true);
      this.current = { ...newFrame(name, opened, inode, record, givesAcl), keepsTimes, formerMode };
      this.frames.push(this.current);
    } catch (error) {
      opened.close();
      throw error;
    }
    this.setPath(this.prefix + name);
  }

  private setPath(path: string): void {
    this.path = path;
    this.prefix = path === '' ? '' : `${path}/`;
  }

  private enterOrMake(name: string): void {
    try {
      this.enter(name, 'passing');
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOTDIR' || code === 'ELOOP') throw this.inTheWay(name);
      if (code !== 'ENOENT' || !this.options.makesParents) throw error;
      this.touch();
      this.current.directory.makeDirectory(name, 0o755);
      this.enter(name, 'made');
      const { parentsOwner } = this.options;
      if (parentsOwner !== undefined) this.current.inode.setOwner(parentsOwner.uid, parentsOwner.gid);
    }
  }

  /**
   * Lets its owner, who is not the superuser, into a directory that an entry of this run closed, or whose
   * entry is at hand. A directory that was closed before, and that no entry mentions, stays closed.
   *
   * @returns the mode to put back
   */
  private makePassable(name: string, reason: Reason): number | undefined {
    if (!this.options.needsPermission) return undefined;
    const { directory, found } = this.current;
    const { type, mode } = directory.status(name);
    if (type !== 'directory' || (mode & OWNER_MAY_ALL) === OWNER_MAY_ALL) return undefined;
    if (reason === 'passing' && found?.isUntouched(directory, name)) return undefined;
    try {
      directory.setMode(name, mode | OWNER_MAY_ALL);
    } catch {
      return undefined; // it is another's: to go in will tell whether that matters
    }
    return mode;
  }

  private leave(): void {
    const frame = this.frames.pop()!;
    this.current = this.frames.at(-1) ?? frame;
    try {
      this.settle(frame);
    } finally {
      if (this.frames.length > 0) frame.directory.close();
    }
  }

  private settle(frame: Frame): void {
    const { entry, inode, formerMode, formerTime } = frame;
    if (entry !== undefined) {
      this.options.settle(inode, entry);
      if (frame.found !== undefined) frame.found.settled = true;
      return;
    }
    if (formerMode !== undefined) inode.setMode(formerMode);
    if (formerTime !== undefined) inode.setModified(formerTime);
  }

  private inTheWay(name: string): ArchiveError {
    const { directory } = this.current;
    const { type } = directory.status(name);
    const where = this.prefix + name;
    const link = type === 'symlink';
    return new ArchiveError(
      link ? 'TREE_THROUGH_LINK' : 'TREE_NOT_A_DIRECTORY',
      `${printableName(where)} is ${link ? 'a symbolic link' : 'not a directory'}, and something is to go below it`,
      { entry: where, hint: link ? 'links are not followed, as they may lead out of the target' : undefined },
    );
  }
}

function newFrame(
  name: string,
  directory: OpenDirectory,
  inode: Inode,
  found: FoundDirectory | undefined,
  givesAcl: boolean,
): Frame {
  return {
    name,
    directory,
    inode,
    found,
    keepsTimes: false,
    newFiles: new NewFiles(givesAcl),
    entry: undefined,
    formerTime: undefined,
    formerMode: undefined,
  };
}

function hasDefaultAcl(inode: Inode): boolean {
  try {
    return inode.getXattr(DEFAULT_ACL) !== undefined;
  } catch {
    return false; // a file system without such a thing
  }
}
