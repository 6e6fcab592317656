import { EventLoopTurns, type Pulled, PullIterator, type PullSource } from '@vzdump-format/streams';
import type { FileEntry } from '../entry/entry.js';
import type { WalkOptions } from './walk-options.js';
import { TreeWalk } from './walk-tree.js';

/**
 * What is in a directory tree: each directory before what is in it, that sorted by the bytes of the names, so
 * that the same tree gives the same entries whatever it lies on. The root comes first.
 *
 * Below the root no link is ever followed, whatever others do to the tree meanwhile. An entry's content has
 * to be read before the next entry is asked for: one that is an array is valid until then, a chunk of a
 * longer one until the next but one of any file is asked for. Only small files are read before that.
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
 * `TREE_VIRTUAL` for one that
 *   is virtual itself; `TREE_READ`, from the content, when reading fails in the middle of a file
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

  pull(): Pulled<FileEntry> {
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

  private advance(): Pulled<FileEntry> {
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
