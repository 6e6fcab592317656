import {
  ContentProgress,
  type ExcludeRules,
  entryNotFound,
  type FileEntry,
  gnuTarExcludes,
  type RestoreTreeOptions,
  type RestoreTreeResult,
  readWholeContent,
  restoreTree,
  scannedTree,
  type TreeSource,
  wholeContent,
  wrongEntryKind,
} from '@vzdump-format/file-tree';
import { printableName } from '@vzdump-format/posix';
import { ArchiveError, type ByteSource, readChunks } from '@vzdump-format/streams';
import type { ArchiveBytes, OperationOptions, ReadEntriesOptions, TreeFormat } from './archive-format.js';

/** Where vzdump keeps a container's configuration; `vps.conf` is of OpenVZ's times. */
const CONFIG_DIRECTORY = 'etc/vzdump/';
const GUEST_CONFIGS: readonly string[] = ['pct.conf', 'vps.conf'].map((name) => CONFIG_DIRECTORY + name);
/** As much as Proxmox's own configuration file system takes. */
const MAX_CONFIG_SIZE = 1024 * 1024;

/**
 * The tree in an archive, of which as little as possible is read, and nothing before it is asked for.
 * @throws, from its methods, `ARCHIVE_CONSUMED` when what came as a stream would have to be read twice
 */
export function openTree(format: TreeFormat, archive: ArchiveBytes, options: ReadEntriesOptions): TreeSource {
  const { source, payload } = archive;
  if (source === undefined) return scannedTree(passesOver(format, archive, options));
  return new TreeAtRest(
    () => format.open({ source, payload }, options),
    () => format.entries(archive, options),
  );
}

/** Is opened when a path is asked for; to have all entries, it need not be. */
class TreeAtRest implements TreeSource {
  readonly access = 'random';
  private opened: Promise<TreeSource> | undefined;

  constructor(
    private readonly openAtRest: () => Promise<TreeSource>,
    private readonly allEntries: () => AsyncIterable<FileEntry>,
  ) {}

  async stat(path: string): Promise<FileEntry | undefined> {
    return (await this.tree()).stat(path);
  }

  async *list(path: string): AsyncGenerator<FileEntry> {
    yield* (await this.tree()).list(path);
  }

  async open(path: string): Promise<ByteSource> {
    return (await this.tree()).open(path);
  }

  entries(path = ''): AsyncIterable<FileEntry> {
    return path === '' ? this.allEntries() : this.entriesBelow(path);
  }

  private async *entriesBelow(path: string): AsyncGenerator<FileEntry> {
    yield* (await this.tree()).entries(path);
  }

  private tree(): Promise<TreeSource> {
    this.opened ??= this.openAtRest();
    return this.opened;
  }
}

/** Each call is a pass from the first byte on. What there is to warn of is told in the first. */
function passesOver(
  format: TreeFormat,
  archive: ArchiveBytes,
  options: ReadEntriesOptions,
): () => AsyncIterable<FileEntry> {
  let passes = 0;
  return () => {
    if (passes++ === 0) return format.entries(archive, options);
    if (archive.again === undefined) {
      const message = 'the archive came as a stream, which can be read once';
      throw new ArchiveError('ARCHIVE_CONSUMED', message, { hint: 'write it to a file first' });
    }
    const bytes = archive.again();
    return format.entries({ ...archive, bytes }, { ...options, onWarning: undefined, onPrelude: undefined });
  };
}

/**
 * A container's configuration, or the file of another name beside it. It is looked for from the beginning,
 * where vzdump puts it: what is damaged or cut off behind it does no harm.
 * @throws `CONFIG_NOT_FOUND`, `CONFIG_SIZE`
 */
export async function treeConfig(tree: TreeSource, name: string | undefined): Promise<Uint8Array> {
  const wanted = name === undefined ? GUEST_CONFIGS : [CONFIG_DIRECTORY + name];
  for await (const entry of tree.entries()) {
    if (entry.type !== 'file' || !wanted.includes(entry.path)) continue;
    return configContent(entry);
  }
  throw new ArchiveError('CONFIG_NOT_FOUND', `there is no ${wanted[0]} in the archive`, {
    hint: 'list shows what there is',
  });
}

/** The content of a file that a configuration should be. @throws `CONFIG_SIZE` */
export async function configContent(entry: FileEntry): Promise<Uint8Array> {
  if (entry.size <= MAX_CONFIG_SIZE) return readWholeContent(entry);
  const message = `${printableName(entry.path)} has ${entry.size} bytes: that is no configuration`;
  throw new ArchiveError('CONFIG_SIZE', message, { entry: entry.path });
}

/**
 * A file's bytes: the last of that path, and what a hardlink names; where the tree is one scan, the first.
 * @throws `ENTRY_NOT_FOUND`, `ENTRY_KIND`
 */
export async function* catFile(
  tree: TreeSource,
  name: string,
  signal?: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  const path = pathOf(name);
  if (tree.access === 'random') {
    const file = await tree.open(path);
    try {
      yield* readChunks(file, { signal });
    } finally {
      await file.close();
    }
    return;
  }
  for await (const entry of tree.entries(path)) {
    if (entry.path !== path) continue;
    if (entry.type !== 'file') throw wrongEntryKind('file', entry);
    yield* wholeContent(entry);
    return;
  }
  throw entryNotFound(path);
}

export interface UnpackTreeOptions
  extends Omit<RestoreTreeOptions, 'excludes' | 'onWarning'>,
    OperationOptions {
  readonly directory: string;
  /**
   * Only what matches one of these, and what lies below it: patterns whose `*` matches slashes, from the root
   * on.
   */
  readonly patterns?: readonly string[];
  /** By the format's own rules, see `excludeRules`. */
  readonly excludes?: readonly string[];
}

/**
 * Restores a tree. @throws as `restoreTree`, and `PATTERN_NOT_FOUND` at the end for a pattern that nothing
 * matched
 */
export async function unpackTree(
  format: TreeFormat,
  archive: ArchiveBytes,
  { directory, patterns = [], excludes = [], onProgress, ...options }: UnpackTreeOptions,
): Promise<RestoreTreeResult> {
  const rules = format.excludeRules(excludes, options.onWarning);
  const selection = new Selection(patterns);
  const excluded = new ExcludedPaths(rules);
  await archive.payload?.(); // if it is not there, no directory is to be made
  const entries = new ContentProgress(onProgress).watch(openTree(format, archive, options).entries());
  try {
    await entries.peek(); // if it is no archive, neither
    const result = await restoreTree(entries, directory, {
      zerosToHoles: !format.hasHoles,
      ...options,
      excludes: (path, isDirectory) => !selection.has(path) || excluded.has(path, isDirectory),
    });
    selection.requireAllFound();
    return result;
  } finally {
    await entries.close();
  }
}

/** The entries that patterns choose; all when there are none. */
class Selection {
  private readonly patterns: {
    readonly text: string;
    readonly matches: (path: string) => boolean;
    found: boolean;
  }[];

  constructor(patterns: readonly string[]) {
    this.patterns = patterns.map((text) => {
      const rules = gnuTarExcludes([`/${pathOf(text)}`]);
      return { text, matches: (path) => rules.excludes(path, false), found: false };
    });
  }

  has(path: string): boolean {
    if (this.patterns.length === 0) return true;
    let chosen = false;
    for (const pattern of this.patterns) {
      if (!pathAndParents(path).some(pattern.matches)) continue;
      pattern.found = true;
      chosen = true;
    }
    return chosen;
  }

  requireAllFound(): void {
    const missing = this.patterns.filter(({ found }) => !found).map(({ text }) => printableName(text));
    if (missing.length === 0) return;
    throw new ArchiveError('PATTERN_NOT_FOUND', `nothing in the archive matches ${missing.join(', ')}`, {
      hint: 'list shows what there is',
    });
  }
}

/** A path as people give it, with `./`, `/` or a slash behind, as entries have it. */
function pathOf(name: string): string {
  return name
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/');
}

/**
 * What rules leave out, with all that is below it. What they say of a directory is asked once for the files
 * in it.
 */
export class ExcludedPaths {
  /** Of the directory: its path and a slash. */
  private prefix = '';
  private holdsDirectory = false;
  private mayHoldWithin: boolean;

  constructor(private readonly rules: ExcludeRules) {
    this.mayHoldWithin = this.isUseful('');
  }

  /** @param path as `FileEntry` has it, without anything odd in it */
  has(path: string, isDirectory: boolean): boolean {
    const { prefix } = this;
    if (!path.startsWith(prefix) || path.includes('/', prefix.length)) this.goToDirectoryOf(path);
    return this.holdsDirectory || (this.mayHoldWithin && this.rules.excludes(path, isDirectory));
  }

  private goToDirectoryOf(path: string): void {
    const [, ...parents] = pathAndParents(path);
    const directory = parents[0] ?? '';
    this.prefix = directory === '' ? '' : `${directory}/`;
    this.holdsDirectory = parents.some((parent) => this.rules.excludes(parent, true));
    this.mayHoldWithin = this.isUseful(directory);
  }

  private isUseful(directory: string): boolean {
    return this.rules.mayExcludeBelow?.(directory) ?? true;
  }
}

/** `etc/default/x` → itself, `etc/default`, `etc`. */
export function pathAndParents(path: string): string[] {
  const paths = [path];
  for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1))
    paths.push(path.slice(0, at));
  return paths;
}
