import { canSeekData, type FileStatus, fileStatus, type OpenDirectory } from '@vzdump-format/posix';
import type { EventLoopTurns } from '@vzdump-format/streams';
import type { Extent, FileEntry } from '../entry/entry.js';
import type { ContentReader } from './walk-content.js';
import { findExtents } from './walk-extents.js';
import { SeenLinks } from './walk-links.js';
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

  /** Comes after all that may fail: then the file's next name is its first. */
  private noteLinks({ status, path }: FoundInode): void {
    if (this.hasLinks(status)) this.links.add(status, path);
  }

  private hasLinks({ links, type }: FileStatus): boolean {
    return links > 1 && (type === 'file' || !this.options.linksFilesOnly);
  }
}
