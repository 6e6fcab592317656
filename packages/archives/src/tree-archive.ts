import {
  ContentProgress,
  type FileEntry,
  gnuTarExcludes,
  type RestoreTreeOptions,
  type RestoreTreeResult,
  restoreTree,
  wholeContent,
} from '@vzdump-format/file-tree';
import { printableName } from '@vzdump-format/posix';
import { ArchiveError, readChunks } from '@vzdump-format/streams';
import type { ArchiveBytes, OperationOptions, TreeFormat } from './archive-format.js';
import { ExcludedPaths, pathAndParents } from './excluded-paths.js';

/** Where vzdump keeps a container's configuration; `vps.conf` is of OpenVZ's times. */
const CONFIG_DIRECTORY = 'etc/vzdump/';
const GUEST_CONFIGS: readonly string[] = ['pct.conf', 'vps.conf'].map((name) => CONFIG_DIRECTORY + name);
/** As much as Proxmox's own configuration file system takes. */
const MAX_CONFIG_SIZE = 1024 * 1024;

/**
 * A container's configuration, or the file of another name beside it. @throws `CONFIG_NOT_FOUND`,
 * `CONFIG_SIZE`
 */
export async function treeConfig(
  format: TreeFormat,
  archive: ArchiveBytes,
  name: string | undefined,
  options: OperationOptions,
): Promise<Uint8Array> {
  const wanted = name === undefined ? GUEST_CONFIGS : [CONFIG_DIRECTORY + name];
  for await (const entry of format.entries(archive, options)) {
    if (entry.type !== 'file' || !wanted.includes(entry.path)) continue;
    if (entry.size > MAX_CONFIG_SIZE) {
      const message = `${entry.path} has ${entry.size} bytes: that is no configuration`;
      throw new ArchiveError('CONFIG_SIZE', message, { entry: entry.path });
    }
    const chunks: Uint8Array[] = [];
    for await (const chunk of wholeContent(entry)) chunks.push(Uint8Array.from(chunk));
    return Buffer.concat(chunks);
  }
  throw new ArchiveError('CONFIG_NOT_FOUND', `there is no ${wanted[0]} in the archive`, {
    hint: 'list shows what there is',
  });
}

/**
 * A file's bytes. Of an archive at rest, the last of that path, and what a hardlink names; of one in motion,
 * the first.
 * @throws `ENTRY_NOT_FOUND`, `ENTRY_KIND`
 */
export async function* catFile(
  format: TreeFormat,
  { bytes, source, payload }: ArchiveBytes,
  name: string,
  options: OperationOptions,
): AsyncGenerator<Uint8Array> {
  const path = pathOf(name);
  if (source !== undefined) {
    const { signal } = options;
    yield* readChunks(await format.file({ source, payload }, path, options), { signal });
    return;
  }
  for await (const entry of format.entries({ bytes, source, payload }, options)) {
    if (entry.path !== path) continue;
    if (entry.type !== 'file') throw notAFile(entry);
    yield* wholeContent(entry);
    return;
  }
  throw new ArchiveError('ENTRY_NOT_FOUND', `there is no ${printableName(name)} in the archive`, {
    entry: name,
    hint: 'list shows what there is',
  });
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
  const entries = new ContentProgress(onProgress).watch(format.entries(archive, options));
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

function notAFile(entry: FileEntry): ArchiveError {
  const { path, type, linkTarget } = entry;
  const hint =
    linkTarget === undefined
      ? 'list shows what there is'
      : `it points to ${printableName(linkTarget)}: ask for that`;
  return new ArchiveError('ENTRY_KIND', `${printableName(path)} is no file, but a ${type}`, {
    entry: path,
    hint,
  });
}
