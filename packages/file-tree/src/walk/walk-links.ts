import type { FileStatus } from '@vzdump-format/posix';

interface SeenFile {
  readonly path: string;
  namesLeft: number;
}

/** Files that have names still to come: memory is for them alone. */
export class SeenLinks {
  private readonly seen = new Map<string, SeenFile>();

  /** Where a file was seen first, when this is another of its names. */
  pathOf(status: FileStatus): string | undefined {
    const key = keyOf(status);
    const file = this.seen.get(key);
    if (file === undefined) return undefined;
    file.namesLeft--;
    if (file.namesLeft === 0) this.seen.delete(key);
    return file.path;
  }

  /** Takes note of the first of a file's several names. */
  add(status: FileStatus, path: string): void {
    this.seen.set(keyOf(status), { path, namesLeft: status.links - 1 });
  }
}

function keyOf({ deviceId, inode }: FileStatus): string {
  return `${deviceId}:${inode}`;
}
