import { type DirectoryListing, missingCapabilities, type OpenDirectory } from '@vzdump-format/posix';
import type { EventLoopTurns } from '@vzdump-format/streams';
import type { FileEntry } from '../entry/entry.js';
import type { ExcludeRules } from '../excludes/excludes.js';
import { ContentReader } from './walk-content.js';
import { FileSystemBounds } from './walk-file-systems.js';
import { FileReader } from './walk-files.js';
import { type Level, statusOf, WalkLevels } from './walk-levels.js';
import { MetadataReader } from './walk-metadata.js';
import type { WalkOptions } from './walk-options.js';
import { sortByBytes } from './walk-order.js';
import { openSource, rulesWithin } from './walk-sources.js';
import { isGone, isOfTheFile, WalkWarnings } from './walk-warnings.js';

type Awaitable<T> = T | Promise<T>;

/** What there is to know of a directory that is to be entered. */
type Place = Pick<Level, 'name' | 'status' | 'rules'>;

/** A walk over one source after the other, an entry at a time. */
export class TreeWalk {
  private readonly warnings: WalkWarnings;
  private readonly metadata: MetadataReader;
  private readonly content: ContentReader;
  private readonly files: FileReader;
  private readonly bounds: FileSystemBounds;
  private readonly levels = new WalkLevels((lost, error) => this.leaveLost(lost, error));
  /** Of the directory that the walk is in. */
  private path = '';
  /** What the paths of all in it begin with. */
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

  /** Says what there is to say at the end. */
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
    { name, type: listedType }: DirectoryListing,
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
