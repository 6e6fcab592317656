import { canSeekData, fileStatus, type OpenDirectory } from '@vzdump-format/posix';
import type { EventLoopTurns } from '@vzdump-format/streams';
import type { FileEntry } from './entry.js';
import type { ContentReader, OpenFile } from './walk-content.js';
import { findExtents } from './walk-extents.js';
import { SeenLinks } from './walk-links.js';
import type { EntryInProgress, FoundInode, MetadataReader } from './walk-metadata.js';

export interface FileReaderOptions {
  /** Whether other names of anything but regular files are entries like any. */
  readonly linksFilesOnly: boolean;
  readonly metadata: MetadataReader;
  readonly content: ContentReader;
  readonly turns: EventLoopTurns;
}

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
    const inode = { path, status, fd, directory, name };
    const file = { fd, path, status };
    if (this.seesHoles && status.allocatedBytes < status.size) return this.readSparse(inode, file);
    return this.describe(inode, (entry) => {
      entry.size = status.size;
      entry.content = content.contentOf(file);
    });
  }

  /**
   * A symlink, device, FIFO or socket.
   * @returns `undefined` when it is something else by now
   */
  readOther(directory: OpenDirectory, name: string, path: string): FileEntry | undefined {
    const status = directory.status(name);
    const { type, specialDevice } = status;
    if (type === 'file' || type === 'directory') return undefined;
    return this.describe({ path, status, fd: undefined, directory, name }, (entry) => {
      if (type === 'symlink') entry.linkTarget = directory.readLink(name);
      if (type === 'block' || type === 'char') entry.device = specialDevice;
    });
  }

  private async readSparse(inode: FoundInode, file: OpenFile): Promise<FileEntry> {
    const { content, turns } = this.options;
    const { fd, status } = file;
    const extents = await findExtents(fd, status.size, turns);
    return this.describe(inode, (entry) => {
      entry.size = status.size;
      entry.extents = extents;
      entry.content = content.contentOf({ ...file, extents });
    });
  }

  /** A hardlink, or else what `complete` makes of it: that may fail, and then the file's next name is its first. */
  private describe(inode: FoundInode, complete: (entry: EntryInProgress) => void): FileEntry {
    const { metadata, linksFilesOnly } = this.options;
    const { status, path } = inode;
    const hasLinks = status.links > 1 && (status.type === 'file' || !linksFilesOnly);
    const linkTarget = hasLinks ? this.links.pathOf(status) : undefined;
    if (linkTarget !== undefined) return metadata.describeLink(inode, linkTarget);
    const entry = metadata.describe(inode);
    complete(entry);
    if (hasLinks) this.links.add(status, path);
    return entry;
  }
}
