import { type DirectoryEntry, missingCapabilities, type OpenDirectory } from '@vzdump-format/posix';
import { EventLoopTurns, type OnWarning, PullIterator, type PullSource } from '@vzdump-format/streams';
import type { FileEntry } from '../entry/entry.js';
import type { ExcludeRules } from '../excludes/excludes.js';
import { ContentReader } from './walk-content.js';
import { FileSystemBounds, type Level, sortByBytes, statusOf, WalkLevels } from './walk-directories.js';
import { FileReader } from './walk-files.js';
import { type AttributeOptions, MetadataReader } from './walk-metadata.js';
import { openSource, rulesWithin } from './walk-sources.js';
import { isGone, isOfTheFile, WalkWarnings } from './walk-warnings.js';

export interface WalkOptions extends AttributeOptions {
  readonly excludes?: ExcludeRules | undefined;
  /**
   * Paths below the root, each walked by itself, in this order; the root, `''`, unless given. vzdump gives
   * tar the root, and then each mount point that is part of the backup: what is mounted there is not on the
   * root's file system.
   */
  readonly sources?: readonly string[] | undefined;
  /**
   * Whether directories on other file systems than their source are entered too. They are entries in any
   * case.
   */
  readonly allFileSystems?: boolean | undefined;
  /** Paths below the root, mount points, whose file systems are entered as the source's own is. */
  readonly includedMounts?: readonly string[] | undefined;
  /** How many levels of directories below a source are entered; all unless given. */
  readonly maxDepth?: number | undefined;
  /** Entries shall have no `content`. */
  readonly metadataOnly?: boolean | undefined;
  /** Whether proc, sysfs and the like are not entered, even with `allFileSystems`. */
  readonly skipVirtual?: boolean | undefined;
  /**
   * What other names of a file become a `hardlink`: those of anything but directories, as in tar (unless
   * given), or those of regular files, as in pxar.
   */
  readonly hardlinks?: 'all' | 'files' | undefined;
  readonly onWarning?: OnWarning | undefined;
  readonly signal?: AbortSignal | undefined;
}

type Awaitable<T> = T | Promise<T>;

/**
 * What is in a directory tree: each directory before what is in it, that sorted by the bytes of the names, so
 * that the same tree gives the same entries whatever it lies on. The root comes first.
 *
 * Below the root no link is ever followed, whatever others do to the tree meanwhile. An entry's content has
 * to be read before the next entry is asked for: one that is an array is valid until then, a chunk of a
 * longer one until two more chunks were asked for. Only small files are read before that.
 *
 * Memory: the names in the directories that the walk is in, and a path for each file with names still to
 * come. At most 70 descriptors are open, however deep the tree is.
 *
 * What changes meanwhile is a warning: `TREE_VANISHED`, `TREE_MOVED` (left out); `TREE_SHRANK` (filled up
 * with zeros), `TREE_GREW` (cut), `TREE_CHANGED` (of files larger than 64 KiB, which are read in several
 * steps). So is what is lost: `TREE_UNREADABLE`, `TREE_XATTR`, `TREE_SYSTEM_LACKS`; `TREE_ID_UNMAPPED`,
 * `TREE_ACL_UNMAPPED`, `TREE_CAPABILITIES_UNMAPPED`, each once, with their number.
 *
 * @param root a directory; if it is a link, it is followed
 * @throws the system's error when a source cannot be read; `TREE_SOURCE` for one that is outside the root,
 * `TREE_VIRTUAL` for one on a virtual file system; `TREE_READ`, from the content, when reading fails in the
 * middle of a file
 */
export function walk(root: string, options: WalkOptions = {}): PullIterator<FileEntry> {
  return new PullIterator(new Walk(root, options));
}

/** One source after the other. */
class Walk implements PullSource<FileEntry> {
  private readonly turns = new EventLoopTurns();
  private readonly sources: string[];
  private tree: TreeWalk | undefined;

  constructor(
    private readonly root: string,
    private readonly options: WalkOptions,
  ) {
    this.sources = [...(options.sources ?? [''])];
  }

  pull(): Awaitable<FileEntry | undefined> {
    this.options.signal?.throwIfAborted();
    return this.turns.isDue ? this.advanceLater() : this.advance();
  }

  close(): void {
    this.tree?.close();
  }

  private async advanceLater(): Promise<FileEntry | undefined> {
    await this.turns.turn();
    this.options.signal?.throwIfAborted();
    return this.advance();
  }

  private advance(): Awaitable<FileEntry | undefined> {
    this.tree ??= new TreeWalk(this.root, this.options, this.turns);
    const entry = this.tree.next();
    if (entry instanceof Promise) return entry.then((found) => found ?? this.goToNextSource());
    return entry ?? this.goToNextSource();
  }

  private goToNextSource(): FileEntry | undefined {
    for (let source = this.sources.shift(); source !== undefined; source = this.sources.shift()) {
      const entry = this.tree!.start(source);
      if (entry !== undefined) return entry;
    }
    this.tree!.finish();
    return undefined;
  }
}

/** What is known of a directory that is about to be entered. */
type Place = Pick<Level, 'name' | 'status' | 'rules'>;

/** A walk over one source after the other, an entry at a time. */
class TreeWalk {
  private readonly warnings: WalkWarnings;
  private readonly metadata: MetadataReader;
  private readonly content: ContentReader;
  private readonly files: FileReader;
  private readonly bounds: FileSystemBounds;
  private readonly levels = new WalkLevels((lost, error) => this.leaveLost(lost, error));
  /** The path of the directory that the walk is in. */
  private path = '';
  /** What the paths of entries in it begin with. */
  private prefix = '';

  constructor(
    private readonly root: string,
    private readonly options: WalkOptions,
    turns: EventLoopTurns,
  ) {
    const { signal, onWarning } = options;
    const warnings = new WalkWarnings(onWarning);
    this.warnings = warnings;
    const missing = missingCapabilities();
    if (missing !== undefined) warnings.systemLacks(missing);
    this.metadata = new MetadataReader(options, warnings);
    this.content = new ContentReader({ signal, turns, warnings });
    const linksFilesOnly = options.hardlinks === 'files';
    const { metadataOnly = false } = options;
    const { metadata, content } = this;
    this.files = new FileReader({ linksFilesOnly, metadataOnly, metadata, content, turns });
    this.bounds = new FileSystemBounds({
      allFileSystems: options.allFileSystems ?? false,
      included: this.devicesOf(options.includedMounts ?? []),
      skipVirtual: options.skipVirtual ?? false,
    });
  }

  /** Goes to a source. @returns its entry; `undefined` when it is excluded */
  start(source: string): FileEntry | undefined {
    const opened = openSource(this.root, source, this.options.excludes);
    if (opened === undefined) return undefined;
    const { path, directory, status, rules } = opened;
    try {
      this.bounds.startAt(directory, status);
      const entry = this.metadata.describe({ path, status, fd: directory.fd, directory, name: '' });
      this.enter(directory, path, { name: '', status, rules });
      return entry;
    } catch (error) {
      directory.close();
      throw error;
    }
  }

  /**
   * @returns the next entry, a promise of it where holes have to be looked for; `undefined` behind the
   * source's last
   */
  next(): Awaitable<FileEntry | undefined> {
    this.content.close();
    for (let level = this.levels.current; level !== undefined; level = this.levels.current) {
      const listed = level.listing[level.next++];
      if (listed === undefined) {
        this.leave();
        continue;
      }
      const directory = this.levels.open();
      const entry = directory && this.visit(directory, listed, level.rules);
      if (entry !== undefined) return entry;
    }
    return undefined;
  }

  /** Gives the warnings that come at the end. */
  finish(): void {
    this.warnings.finish();
  }

  close(): void {
    this.content.close();
    this.levels.close();
  }

  /** @returns `undefined` when it is excluded, or is left out, which is warned of */
  private visit(
    directory: OpenDirectory,
    { name, type: listedType }: DirectoryEntry,
    rules: ExcludeRules | undefined,
  ): Awaitable<FileEntry | undefined> {
    const path = this.prefix + name;
    try {
      const type = listedType ?? directory.status(name).type;
      if (rules?.excludes(path, type === 'directory')) return undefined;
      if (type === 'directory') return this.visitDirectory(directory, name, path, rules);
      const entry =
        type === 'file'
          ? this.files.readFile(directory, name, path)
          : this.files.readOther(directory, name, path);
      if (entry === undefined) this.warnings.vanished(path);
      return entry instanceof Promise ? this.waitFor(entry, path) : entry;
    } catch (error) {
      this.leaveOut(path, error);
      return undefined;
    }
  }

  private async waitFor(entry: Promise<FileEntry>, path: string): Promise<FileEntry | undefined> {
    try {
      return await entry;
    } catch (error) {
      this.leaveOut(path, error);
      return this.next();
    }
  }

  private visitDirectory(
    parent: OpenDirectory,
    name: string,
    path: string,
    rules: ExcludeRules | undefined,
  ): FileEntry {
    let directory: OpenDirectory;
    try {
      directory = parent.openDirectory(name);
    } catch (error) {
      return this.describeUnreadable(parent, name, path, error);
    }
    try {
      const status = statusOf(directory, parent, name);
      const entry = this.metadata.describe({ path, status, fd: directory.fd, directory: parent, name });
      const { maxDepth = Number.POSITIVE_INFINITY } = this.options;
      if (this.levels.depth >= maxDepth || !this.bounds.enters(directory, status)) directory.close();
      else this.enterIfReadable(directory, path, { name, status, rules });
      return entry;
    } catch (error) {
      directory.close();
      throw error;
    }
  }

  /** A directory that is there, but cannot be opened. */
  private describeUnreadable(parent: OpenDirectory, name: string, path: string, error: unknown): FileEntry {
    if (isGone(error) || !isOfTheFile(error)) throw error;
    const status = parent.status(name);
    const entry = this.metadata.describe({ path, status, fd: undefined, directory: parent, name });
    this.warnings.unreadableDirectory(path, error);
    return entry;
  }

  private enterIfReadable(directory: OpenDirectory, path: string, place: Place): void {
    try {
      this.enter(directory, path, place);
    } catch (error) {
      if (!isOfTheFile(error)) throw error;
      directory.close();
      this.warnings.unreadableDirectory(path, error);
    }
  }

  private enter(directory: OpenDirectory, path: string, { name, status, rules }: Place): void {
    const listing = sortByBytes(directory.list());
    const inner = rulesWithin(rules, path, directory, listing);
    this.levels.enter({ name, pathLength: path.length, status, listing, next: 0, rules: inner }, directory);
    this.goTo(path);
  }

  private leave(): void {
    this.levels.leave();
    this.goTo(this.path.slice(0, this.levels.current?.pathLength ?? 0));
  }

  private goTo(path: string): void {
    this.path = path;
    this.prefix = path === '' ? '' : `${path}/`;
  }

  private leaveLost(lost: Level, error: Error | undefined): void {
    const path = this.path.slice(0, lost.pathLength);
    if (error === undefined) this.warnings.moved(path);
    else this.warnings.unreadableRest(path, error);
    this.goTo(this.path.slice(0, this.levels.current?.pathLength ?? 0));
  }

  private leaveOut(path: string, error: unknown): void {
    if (isGone(error)) this.warnings.vanished(path);
    else if (isOfTheFile(error)) this.warnings.unreadable(path, error);
    else throw error;
  }

  private devicesOf(paths: readonly string[]): ReadonlySet<number> {
    const devices = new Set<number>();
    for (const path of paths) {
      const mount = openSource(this.root, path);
      if (mount === undefined) continue;
      devices.add(mount.status.deviceId);
      mount.directory.close();
    }
    return devices;
  }
}
