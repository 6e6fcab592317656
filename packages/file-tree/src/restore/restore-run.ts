import { type FileType, type OpenDirectory, printableName } from '@vzdump-format/posix';
import { ArchiveError, type EventLoopTurns, isNotFound, type OnWarning } from '@vzdump-format/streams';
import type { FileEntry } from '../entry/entry.js';
import { pathComponents } from '../entry/entry-path.js';
import type { OpenDirectories } from './restore-directories.js';
import type { Losses } from './restore-losses.js';
import type { MetadataWriter } from './restore-metadata.js';

/** A restore under way. */
export interface Restoration {
  readonly options: {
    readonly existing: Existing;
    readonly devices: boolean;
    readonly sockets: boolean;
    readonly zerosToHoles: boolean;
    readonly excludes?: ((path: string, isDirectory: boolean) => boolean) | undefined;
    readonly onWarning?: OnWarning | undefined;
    readonly signal?: AbortSignal | undefined;
  };
  /** The directories from the target down to where the run is. */
  readonly directories: OpenDirectories;
  /** A second way through the tree, to what hard links name. */
  readonly targets: OpenDirectories;
  readonly names: NameGiver;
  readonly metadata: MetadataWriter;
  readonly losses: Losses;
  readonly turns: EventLoopTurns;
  warnedOfSlash: boolean;
}

/** As `pathComponents`, with a notice of the first path that starts with a slash. */
export function componentsOf(run: Restoration, path: string): string[] {
  if (path.startsWith('/') && !run.warnedOfSlash) {
    run.warnedOfSlash = true;
    run.options.onWarning?.({
      code: 'TREE_PATH_ABSOLUTE',
      message: `paths that start with a slash are taken to start in the target: first ${printableName(path)}`,
      entry: path,
      isNotice: true,
    });
  }
  return pathComponents(path);
}

/**
 * What becomes of a file whose name an entry needs. `refuse`: it is an error if it was there before; what
 * this run itself made is replaced, as tar does where an archive holds a file twice. `skip`: it stays,
 * whoever made it, and the entry is passed over, as with tar's `--skip-old-files`. `replace`: it goes. A
 * directory goes only when it is empty.
 */
export type Existing = 'refuse' | 'skip' | 'replace';

/** Gives new files their names in the directory that the run is in. No name is ever written through. */
export class NameGiver {
  /** Entries passed over because something has their name. */
  skipped = 0;

  /** @param targets another way through the tree, which must not be in a directory that is removed */
  constructor(
    private readonly directories: OpenDirectories,
    private readonly targets: OpenDirectories,
    private readonly existing: Existing,
  ) {}

  /**
   * Makes what has to be new under its name. @returns whether it did; otherwise something stays in its place
   */
  make(name: string, entry: FileEntry, create: (directory: OpenDirectory) => void): boolean {
    const { directory } = this.directories.current;
    try {
      create(directory);
      return true;
    } catch (error) {
      if (!this.makeWay(name, entry, error)) return false;
    }
    create(directory);
    return true;
  }

  /**
   * Removes what has the name, if it may go and is what an attempt to make the entry failed for; otherwise
   * throws that failure.
   * @returns whether it is gone; otherwise it stays
   */
  makeWay(name: string, entry: FileEntry, failure: unknown): boolean {
    if ((failure as NodeJS.ErrnoException).code !== 'EEXIST') throw failure;
    if (!this.mayReplace(name, entry)) return false;
    this.remove(name, entry, this.directories.current.directory.status(name).type);
    return true;
  }

  /** Whether what has the name may go, if anything has. @throws `TREE_EXISTS` */
  mayReplace(name: string, entry: FileEntry): boolean {
    if (this.existing === 'skip') {
      this.skipped++;
      return false;
    }
    const { found, directory } = this.directories.current;
    if (this.existing === 'refuse' && found?.has(directory, name)) {
      throw new ArchiveError('TREE_EXISTS', `${printableName(entry.path)} exists already`, {
        entry: entry.path,
        hint: 'choose another directory, or replace what is there with --force',
      });
    }
    return true;
  }

  /** @throws `TREE_NOT_EMPTY` for a directory that something is in */
  remove(name: string, entry: FileEntry, type: FileType): void {
    const { directory } = this.directories.current;
    if (type !== 'directory') {
      directory.remove(name);
      return;
    }
    this.targets.goTo([]);
    try {
      directory.removeDirectory(name);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
      throw new ArchiveError(
        'TREE_NOT_EMPTY',
        `${printableName(entry.path)} is a directory that is not empty, and the entry is none`,
        { entry: entry.path },
      );
    }
  }

  /** The type of what has the name. */
  typeOf(name: string): FileType | undefined {
    try {
      return this.directories.current.directory.status(name).type;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }
}
