import {
  canSeekData,
  type FileStatus,
  fileStatus,
  type OpenDirectory,
  seekData,
  seekHole,
} from '@vzdump-format/posix';
import type { EventLoopTurns } from '@vzdump-format/streams';
import type { Extent, FileEntry } from '../entry/entry.js';
import type { ContentReader } from './walk-content.js';
import type { FoundInode, MetadataReader } from './walk-metadata.js';

export interface FileReaderOptions {
  /** Whether other names of anything but regular files are entries like any. */
  readonly linksFilesOnly: boolean;
  readonly metadataOnly: boolean;
  readonly metadata: MetadataReader;
  readonly content: ContentReader;
  readonly turns: EventLoopTurns;
}

type FoundFile = FoundInode & { readonly fd: number };

/** Makes entries of all but directories. */
export class FileReader {
  private readonly links = new SeenLinks();
  private readonly seesHoles = canSeekData();

  constructor(private readonly options: FileReaderOptions) {}

  /**
   * A regular file.
   * @returns `undefined` when it is something else by now; a promise where holes have to be looked for
   */
  readFile(directory: OpenDirectory, name: string, path: string): FileEntry | undefined | Promise<FileEntry> {
    const { content } = this.options;
    const fd = directory.openFile(name);
    content.hold(fd);
    const status = fileStatus(fd);
    if (status.type !== 'file') return undefined;
    const file = { path, status, fd, directory, name };
    if (this.seesHoles && status.allocatedBytes < status.size) return this.readSparse(file);
    return this.fileEntry(file, undefined);
  }

  /**
   * A symlink, device, FIFO or socket.
   * @returns `undefined` when it is something else by now
   */
  readOther(directory: OpenDirectory, name: string, path: string): FileEntry | undefined {
    const status = directory.status(name);
    const { type, specialDevice } = status;
    if (type === 'file' || type === 'directory') return undefined;
    const inode = { path, status, fd: undefined, directory, name };
    const linkTarget = this.linkTargetOf(inode);
    if (linkTarget !== undefined) return this.options.metadata.describeLink(inode, linkTarget);
    const entry = this.options.metadata.describe(inode);
    if (type === 'symlink') entry.linkTarget = directory.readLink(name);
    if (type === 'block' || type === 'char') entry.device = specialDevice;
    this.noteLinks(inode);
    return entry;
  }

  private async readSparse(file: FoundFile): Promise<FileEntry> {
    return this.fileEntry(file, await findExtents(file.fd, file.status.size, this.options.turns));
  }

  private fileEntry(file: FoundFile, extents: readonly Extent[] | undefined): FileEntry {
    const { metadataOnly, metadata, content } = this.options;
    const linkTarget = this.linkTargetOf(file);
    if (linkTarget !== undefined) return metadata.describeLink(file, linkTarget);
    const entry = metadata.describe(file);
    entry.size = file.status.size;
    entry.extents = extents;
    if (!metadataOnly) entry.content = content.contentOf(file, extents);
    this.noteLinks(file);
    return entry;
  }

  /** What a hardlink names; `undefined` for the first of a file's names. */
  private linkTargetOf({ status }: FoundInode): string | undefined {
    return this.hasLinks(status) ? this.links.pathOf(status) : undefined;
  }

  /** Called after all that may fail: when something did, the file's next name counts as its first. */
  private noteLinks({ status, path }: FoundInode): void {
    if (this.hasLinks(status)) this.links.add(status, path);
  }

  private hasLinks({ links, type }: FileStatus): boolean {
    return links > 1 && (type === 'file' || !this.options.linksFilesOnly);
  }
}

/** More are never kept, whatever a file is like: in memory they take some 50 bytes each. */
const MOST_EXTENTS = 1 << 16;

/**
 * Where a file has data, as its file system tells: not by looking for zeros.
 *
 * Of a file in more than 65536 pieces the smallest holes count as data, so that memory is bounded.
 *
 * @returns `undefined` for a file without holes, and where the file system does not tell
 */
async function findExtents(fd: number, size: number, turns: EventLoopTurns): Promise<Extent[] | undefined> {
  let extents: Extent[] = [];
  let smallestHole = 1;
  try {
    for (let at = 0; at < size; ) {
      const start = seekData(fd, at);
      if (start === undefined || start >= size) break;
      const end = Math.min(seekHole(fd, start), size);
      append(extents, start, end, smallestHole);
      while (extents.length > MOST_EXTENTS) {
        smallestHole *= 2;
        extents = withoutHolesBelow(extents, smallestHole);
      }
      at = end;
      if (turns.isDue) await turns.turn();
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENXIO') return extents; // the data that was found is gone: reading there will tell
    if (code === 'EINVAL' || code === 'ENOSYS') return undefined;
    throw error;
  }
  const whole = extents.length === 1 && extents[0]!.length === size;
  return whole ? undefined : extents;
}

function append(extents: Extent[], start: number, end: number, smallestHole: number): void {
  const last = extents.at(-1);
  if (last !== undefined && start - last.offset - last.length < smallestHole) {
    extents[extents.length - 1] = { offset: last.offset, length: end - last.offset };
  } else {
    extents.push({ offset: start, length: end - start });
  }
}

function withoutHolesBelow(extents: readonly Extent[], smallestHole: number): Extent[] {
  const joined: Extent[] = [];
  for (const { offset, length } of extents) append(joined, offset, offset + length, smallestHole);
  return joined;
}

interface SeenFile {
  readonly path: string;
  namesLeft: number;
}

/** Files that have names still to come: memory is for them alone. */
class SeenLinks {
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
