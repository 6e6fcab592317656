import type { FileEntry } from '@vzdump-format/file-tree';
import { PathOffsets } from '../read/path-offsets.js';

/**
 * What a hardlink may name later: of each file that may have more than one name, where it stands in the
 * archive.
 */
export class LinkTargets {
  private files: PathOffsets | undefined;
  private readonly others = new Map<string, FileEntry>();

  /** @param start where its FILENAME stands */
  add(entry: FileEntry, start: number): void {
    const { path, type, links } = entry;
    if (type === 'directory' || links === 1) return;
    if (type === 'file') this.set(path, start);
    else this.others.set(path, entry);
  }

  /** A further name of a file, which may be named in its turn by who does not know the first. */
  addName({ path, links }: FileEntry, start: number): void {
    if (links === undefined) this.set(path, start);
  }

  offsetOf(path: string): number | undefined {
    return this.files?.get(path);
  }

  /** What is no file, and so can have only one name in an archive. */
  otherNamed(path: string): FileEntry | undefined {
    return this.others.get(path);
  }

  private set(path: string, start: number): void {
    this.files ??= new PathOffsets(); // few trees have any
    this.files.set(path, start);
  }
}
