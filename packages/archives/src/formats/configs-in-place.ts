import { type FileEntry, readWholeContent } from '@vzdump-format/file-tree';
import { expandedItems, type OnWarning, type PullIterator } from '@vzdump-format/streams';

/** Where vzdump puts a container's configuration, before all else in a tar archive. */
const DIRECTORIES = ['etc', 'etc/vzdump'] as const;
const BELOW = 'etc/vzdump/';
/** Larger ones stay where they are. */
const LARGEST_CONFIG = 1024 * 1024;
const MOST_CONFIGS = 16;

/**
 * Puts a container's configuration where it belongs in an archive that is written depth first: behind the
 * entry of its directory, which is made where the tree has none. That is `first`, and what entries begin with
 * in a tar archive of vzdump's.
 *
 * A file of the tree with the name of one of them is left out, with the warning `CONFIG_REPLACED`, since what
 * comes first in a tar archive counts.
 */
export function configsInPlace(
  entries: AsyncIterable<FileEntry>,
  first: readonly { readonly path: string; readonly data: Uint8Array }[] = [],
  onWarning?: OnWarning,
): PullIterator<FileEntry> {
  const configs = first.map(({ path, data }) => rootsFile(path, data));
  const place = new Place(configs);
  let isFirst = true;
  return expandedItems(entries, (entry) => {
    if (entry === undefined) return place.atEnd();
    if (isFirst && isConfig(entry) && configs.length < MOST_CONFIGS) {
      return kept(entry).then((config) => {
        configs.push(config);
        return [];
      });
    }
    isFirst = false;
    if (configs.length === 0) return [entry];
    if (!place.replaces(entry)) return [...place.before(entry), entry, ...place.behind(entry)];
    const message = `${entry.path} of the tree is left out: the guest's configuration takes its place`;
    onWarning?.({ code: 'CONFIG_REPLACED', message, entry: entry.path });
    return [];
  });
}

/** Knows which directory the entries are in, as far as that is on the way to the configuration. */
class Place {
  /** How many of the directories were passed. */
  private depth = 0;
  private isDone = false;
  private mtime = 0n;

  constructor(private readonly configs: readonly FileEntry[]) {}

  replaces({ path }: FileEntry): boolean {
    return path.startsWith(BELOW) && this.configs.some((config) => config.path === path);
  }

  /**
   * What stands before an entry: all that is missing, when the entry is no longer in the directory they
   * belong in.
   */
  before({ path }: FileEntry): FileEntry[] {
    if (this.isDone || this.depth === 0 || path.startsWith(`${DIRECTORIES[this.depth - 1]}/`)) return [];
    return this.atEnd();
  }

  /** What stands behind an entry. */
  behind({ path, type, mtime }: FileEntry): FileEntry[] {
    if (path === '') this.mtime = mtime;
    if (this.isDone || type !== 'directory' || path !== DIRECTORIES[this.depth]) return [];
    this.depth++;
    return this.depth === DIRECTORIES.length ? this.atEnd() : [];
  }

  atEnd(): FileEntry[] {
    if (this.isDone || this.configs.length === 0) return [];
    this.isDone = true;
    const missing = DIRECTORIES.slice(this.depth).map((path): FileEntry => {
      return { path, type: 'directory', mode: 0o755, uid: 0, gid: 0, size: 0, mtime: this.mtime };
    });
    return [...missing, ...this.configs];
  }
}

function isConfig({ path, type, size }: FileEntry): boolean {
  return (
    type === 'file' && path.startsWith(BELOW) && !path.includes('/', BELOW.length) && size <= LARGEST_CONFIG
  );
}

async function kept(entry: FileEntry): Promise<FileEntry> {
  return { ...entry, content: await readWholeContent(entry), extents: undefined };
}

function rootsFile(path: string, content: Uint8Array): FileEntry {
  const mtime = BigInt(Date.now()) * 1_000_000n;
  return { path, type: 'file', mode: 0o644, uid: 0, gid: 0, size: content.length, mtime, content };
}
