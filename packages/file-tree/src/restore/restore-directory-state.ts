import type { OpenDirectory } from '@vzdump-format/posix';
import { isNotFound } from '@vzdump-format/streams';
import type { Inode, Owner } from './restore-inode.js';

/**
 * What was in a directory before this run came there. Only this is remembered, and not what the run makes,
 * so that an archive cannot make memory grow: a directory that the run made needs no record.
 */
export class FoundDirectory {
  /** Whether an entry gave it its metadata, which later changes of what is in it must leave as it is. */
  settled = false;
  private readonly names = new Map<string, FoundDirectory | undefined>();
  private namesByInode: ReadonlyMap<string, string> | undefined;

  /** @param of what is remembered: everything, where nothing may be replaced, or directories alone */
  constructor(
    directory: OpenDirectory,
    private readonly of: 'everything' | 'directories',
  ) {
    for (const { name, type } of directory.list()) {
      if (of === 'everything' || type === 'directory' || type === undefined) this.names.set(name, undefined);
    }
  }

  /** Whether what has the name now was there before. `directory` is this one, open. */
  has(directory: OpenDirectory, name: string): boolean {
    return this.foundName(directory, name) !== undefined;
  }

  /** Whether the directory that has the name now was there before, and no entry set its metadata. */
  isUntouched(directory: OpenDirectory, name: string): boolean {
    const found = this.foundName(directory, name);
    return found !== undefined && !this.names.get(found)?.settled;
  }

  /** The record of the directory `name`, which was opened as `opened`; `undefined` if this run made it. */
  enter(directory: OpenDirectory, name: string, opened: OpenDirectory): FoundDirectory | undefined {
    const found = this.foundName(directory, name);
    if (found === undefined) return undefined;
    const record = this.names.get(found) ?? new FoundDirectory(opened, this.of);
    this.names.set(found, record);
    return record;
  }

  /**
   * The name under which it was found. Where a file system takes `A` for `a`, or one form of a letter for
   * another, names differ and the inode tells.
   */
  private foundName(directory: OpenDirectory, name: string): string | undefined {
    if (this.names.has(name)) return name;
    if (this.names.size === 0) return undefined;
    this.namesByInode ??= this.listByInode(directory);
    const reached = identity(directory, name);
    return reached === undefined ? undefined : this.namesByInode.get(reached);
  }

  /** Of those that are still there. */
  private listByInode(directory: OpenDirectory): ReadonlyMap<string, string> {
    const names = new Map<string, string>();
    for (const name of this.names.keys()) {
      const inode = identity(directory, name);
      if (inode !== undefined) names.set(inode, name);
    }
    return names;
  }
}

/** What is the same for all names of one file; `undefined` where nothing has the name. */
function identity(directory: OpenDirectory, name: string): string | undefined {
  try {
    const { deviceId, inode } = directory.status(name);
    return `${deviceId}:${inode}`;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** What is known of a file that was made just now. */
export interface FreshFile {
  readonly owner: Owner;
  /** Whether it may have got an ACL from its directory. */
  readonly hasAcl: boolean;
}

/** What new files in a directory get from the system: the first one is asked, and others are alike. */
export class NewFiles {
  /** Who owns them depends on set-group-id and mount options. */
  private first: FreshFile | undefined;
  /**
   * The mode that the last one was made with and got. The process's umask and mount options have a say in
   * that.
   */
  private mode: number | undefined;
  private keepsModes = true;

  /** @param haveAcl whether they get an ACL by themselves */
  constructor(readonly haveAcl: boolean) {}

  /** `undefined` until one was asked. */
  get known(): FreshFile | undefined {
    return this.first;
  }

  /** @param inode a new one */
  ask(inode: Inode): FreshFile {
    if (this.first === undefined) {
      const { uid, gid } = inode.status();
      this.first = { owner: { uid, gid }, hasAcl: this.haveAcl };
    }
    return this.first;
  }

  /** Whether making one with its final mode is of any use. */
  get mayHaveModes(): boolean {
    return this.keepsModes;
  }

  /** Whether one that was made with a mode has got it. */
  hasMode(inode: Inode, mode: number): boolean {
    if (mode === this.mode) return true;
    this.keepsModes = inode.status().mode === mode;
    this.mode = this.keepsModes ? mode : undefined;
    return this.keepsModes;
  }

  forgetMode(): void {
    this.mode = undefined;
  }
}
