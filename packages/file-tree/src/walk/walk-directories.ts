import {
  type DirectoryEntry,
  type FileStatus,
  fileStatus,
  fileSystem,
  type OpenDirectory,
  pathToBytes,
  printableName,
} from '@vzdump-format/posix';
import { ArchiveError } from '@vzdump-format/streams';
import type { ExcludeRules } from '../excludes/excludes.js';
import { isGone, isOfTheFile } from './walk-warnings.js';

/** A tree may be deeper than a process can have files open. */
const MOST_OPEN = 64;

/** A directory that the walk is in. */
export interface Level {
  /** In the directory above; of a source it is empty. */
  readonly name: string;
  /** How much of the path that the walk is at is this directory's path. */
  readonly pathLength: number;
  readonly status: FileStatus;
  readonly listing: readonly DirectoryEntry[];
  /** Which of the listing comes next. */
  next: number;
  readonly rules: ExcludeRules | undefined;
}

interface OpenLevel extends Level {
  /** `undefined` while it is closed. */
  directory: OpenDirectory | undefined;
}

/**
 * The directories from a source down to where the walk is. Only the innermost are open, and the source. A
 * walk that comes back to one that is closed opens it again by the names that led to it, and goes on if it is
 * still the same.
 */
export class WalkLevels {
  private readonly levels: OpenLevel[] = [];
  private innermost: OpenLevel | undefined;

  /**
   * @param onLost told of a directory that is no longer where it was, or that the system does not open
   * again; by then, the walk has left it and what is below it
   */
  constructor(private readonly onLost: (level: Level, error: Error | undefined) => void) {}

  get current(): Level | undefined {
    return this.innermost;
  }

  get depth(): number {
    return this.levels.length;
  }

  enter(level: Level, directory: OpenDirectory): void {
    this.innermost = { ...level, directory };
    this.levels.push(this.innermost);
    this.closeOuter(this.levels.length - 1);
  }

  leave(): void {
    this.levels.pop()!.directory?.close();
    this.innermost = this.levels.at(-1);
  }

  /** The innermost directory; `undefined` when it, or one above it, was lost. */
  open(): OpenDirectory | undefined {
    return this.innermost!.directory ?? this.openAgain();
  }

  private openAgain(): OpenDirectory | undefined {
    const last = this.levels.length - 1;
    let at = last;
    while (this.levels[at]!.directory === undefined) at--;
    while (at < last) {
      at++;
      const found = this.reopen(at);
      if (found === true) continue;
      const lost = this.levels[at]!;
      while (this.levels.length > at) this.leave();
      this.onLost(lost, found === false ? undefined : found);
      return undefined;
    }
    return this.levels[last]!.directory;
  }

  close(): void {
    while (this.levels.length > 0) this.leave();
  }

  /** @returns whether it is there; why it cannot be opened */
  private reopen(index: number): boolean | Error {
    const parent = this.levels[index - 1]!.directory!;
    const level = this.levels[index]!;
    try {
      const directory = parent.openDirectory(level.name);
      level.directory = directory;
      this.closeOuter(index);
      const { deviceId, inode } = statusOf(directory, parent, level.name);
      return deviceId === level.status.deviceId && inode === level.status.inode;
    } catch (error) {
      if (isGone(error)) return false;
      if (isOfTheFile(error)) return error;
      throw error;
    }
  }

  /** Closes the one that is too far out to stay open beside this one, unless that is the source. */
  private closeOuter(index: number): void {
    const outer = index - MOST_OPEN;
    if (outer <= 0) return;
    this.levels[outer]!.directory?.close();
    this.levels[outer]!.directory = undefined;
  }
}

/**
 * The status of a directory: by its descriptor, or by its name where directories are not held open (the
 * portable way).
 */
export function statusOf(directory: OpenDirectory, parent: OpenDirectory, name: string): FileStatus {
  return directory.fd === undefined ? parent.status(name) : fileStatus(directory.fd);
}

export interface FileSystemBoundsOptions {
  readonly allFileSystems: boolean;
  /** Devices whose content belongs to the tree, whatever the source. */
  readonly included: ReadonlySet<number>;
  readonly skipVirtual: boolean;
}

/** Which file systems a walk enters. */
export class FileSystemBounds {
  private readonly virtual = new Map<number, boolean>();
  private source = -1;

  constructor(private readonly options: FileSystemBoundsOptions) {}

  /** @throws `TREE_VIRTUAL` */
  startAt(directory: OpenDirectory, { deviceId }: FileStatus): void {
    this.source = deviceId;
    if (!this.options.skipVirtual || !this.isVirtual(directory, deviceId)) return;
    throw new ArchiveError('TREE_VIRTUAL', `${printableName(directory.path)} is on a virtual file system`, {
      entry: directory.path,
      hint: 'there is nothing in it to keep',
    });
  }

  /** Whether what is in a directory belongs to the source. */
  enters(directory: OpenDirectory, { deviceId }: FileStatus): boolean {
    const { allFileSystems, included, skipVirtual } = this.options;
    if (deviceId === this.source) return true;
    if (!allFileSystems && !included.has(deviceId)) return false;
    return !skipVirtual || !this.isVirtual(directory, deviceId);
  }

  private isVirtual(directory: OpenDirectory, device: number): boolean {
    let virtual = this.virtual.get(device);
    if (virtual === undefined) {
      ({ virtual } = fileSystem(directory.fd ?? directory.path));
      this.virtual.set(device, virtual);
    }
    return virtual;
  }
}

/** Half of a surrogate pair, or an escaped byte: what sorts by UTF-16 otherwise than by bytes. */
const SURROGATE = /[\ud800-\udfff]/;

/** Sorts by the names' bytes, in place: the one order that depends on neither file system nor locale. */
export function sortByBytes(listing: DirectoryEntry[]): DirectoryEntry[] {
  if (!listing.some(({ name }) => SURROGATE.test(name))) {
    return listing.sort((a, b) => (a.name < b.name ? -1 : 1));
  }
  const keys = new Map(listing.map((listed) => [listed, pathToBytes(listed.name)]));
  return listing.sort((a, b) => keys.get(a)!.compare(keys.get(b)!));
}
