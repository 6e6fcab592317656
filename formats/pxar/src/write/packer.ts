import { CountedWarnings, type FileEntry, requireEntry } from '@vzdump-format/file-tree';
import { printableName } from '@vzdump-format/posix';
import { ArchiveError } from '@vzdump-format/streams';
import { ITEM, MAX_DEPTH, MAX_PATH_LENGTH, NAME_HASH_KEY } from '../format.js';
import { ChildTable, SipHash } from '../goodbye.js';
import { nameFault, pathFault } from '../names.js';
import { LinkTargets } from '../path-offsets.js';
import { EntryWriter } from './entry-writer.js';
import { GATHER_BELOW, ItemWriter } from './item-writer.js';
import { EXCLUDES_FILE, excludesFile, excludesPrelude, type PackPxarOptions } from './pack-options.js';

interface OpenDirectory {
  readonly path: string;
  /** Of the hash of its name. */
  readonly low: number;
  readonly high: number;
  /** Where its FILENAME stands. */
  readonly start: number;
  /** Where its ENTRY stands; for the root, where the archive begins. */
  readonly entryStart: number;
  readonly children: ChildTable;
}

/**
 * Writes entries to the streams of an archive, where they are gathered: small ones wholly, of large ones all
 * but the content.
 */
export class Packer {
  readonly archive: ItemWriter;
  readonly payload: ItemWriter | undefined;
  private readonly items: EntryWriter;
  private readonly warnings: CountedWarnings;
  private readonly targets = new LinkTargets();
  private readonly hash = new SipHash(NAME_HASH_KEY);
  private readonly open: OpenDirectory[] = [];
  /** Tables of directories that were left, to be filled again. */
  private readonly spare: ChildTable[] = [];
  /**
   * Of the entry that is being written, unless it is a directory: where its FILENAME stands, −1 when there is
   * none.
   */
  private start = -1;
  /** Bytes of its content in the payload stream. */
  private elsewhere = 0;

  constructor(private readonly options: PackPxarOptions) {
    const { keepsXattr = () => true, onWarning } = options;
    this.archive = new ItemWriter();
    if (options.payload !== undefined) this.payload = new ItemWriter();
    this.warnings = new CountedWarnings(onWarning);
    this.items = new EntryWriter(this.archive, { keepsXattr, warnings: this.warnings });
  }

  /** What comes before the root. */
  begin(): void {
    const { payload, excludePatterns = [] } = this.options;
    const hasPatterns = excludePatterns.length > 0;
    const prelude = this.options.prelude ?? (hasPatterns ? excludesPrelude(excludePatterns) : undefined);
    if (payload === undefined) {
      if (this.options.prelude !== undefined) throw new TypeError('only a split archive has a prelude');
      return;
    }
    this.archive.header(ITEM.FORMAT_VERSION, 8);
    this.archive.u64(2);
    if (prelude !== undefined) {
      if (prelude.length > ITEM.PRELUDE.most) {
        const what = `a prelude of ${prelude.length} bytes: ${ITEM.PRELUDE.most} at most can be read again`;
        throw new ArchiveError('PXAR_LIMIT', what);
      }
      this.archive.header(ITEM.PRELUDE, prelude.length);
      this.archive.put(prelude);
    }
    this.payload!.header(ITEM.PAYLOAD_START, 0);
  }

  /** Writes an entry, and its content if that is small. Says whether the content has to follow. */
  add(entry: FileEntry): boolean {
    requireEntry(entry);
    const { path } = entry;
    if (this.open.length === 0 && path !== '') this.addMissing('', entry);
    if (path === '') {
      this.addRoot(entry);
      return false;
    }
    if (path === EXCLUDES_FILE && entry.type !== 'directory' && this.notesExcludes) {
      const message = `${EXCLUDES_FILE} in the root is not packed: its place is taken by what is excluded now`;
      this.options.onWarning?.({ code: 'PXAR_LEFT_OUT', message, entry: path, isNotice: true });
      return false;
    }
    const slash = path.lastIndexOf('/');
    if (slash === 0) throw impossiblePath(path, 'it begins with a slash');
    if (!this.isInnermost(path, slash)) this.moveTo(slash === -1 ? '' : path.slice(0, slash), entry);
    this.addName(entry, path.slice(slash + 1));
    if (entry.type === 'hardlink') {
      this.addHardlink(entry);
      return false;
    }
    return this.addItems(entry);
  }

  /** The entry that was added last has ended, unless it is a directory. */
  endEntry(): void {
    if (this.start < 0) return;
    const { low, high } = this.hash;
    const length = this.archive.offset - this.start;
    this.open.at(-1)!.children.add(low, high, this.start, length, this.elsewhere);
    this.start = -1;
    this.elsewhere = 0;
  }

  /** Leaves all directories. */
  finish(): void {
    if (this.open.length === 0) this.addMissing('', undefined);
    while (this.open.length > 1) this.leave();
    if (this.notesExcludes) {
      const file = excludesFile(this.options.excludePatterns!, this.options.excludesOwner);
      this.addName(file, file.path);
      if (this.addItems(file)) this.archive.put(file.content);
      this.endEntry();
    }
    this.leave();
    this.payload?.header(ITEM.PAYLOAD_TAIL, 0);
    this.warnings.finish();
  }

  private get notesExcludes(): boolean {
    const { excludePatterns = [], payload } = this.options;
    return excludePatterns.length > 0 && payload === undefined;
  }

  private addRoot(entry: FileEntry): void {
    if (entry.type !== 'directory') {
      throw new ArchiveError('PXAR_ROOT', 'the root must be a directory', { entry: '' });
    }
    if (this.open.length > 0) throw outOfOrder(entry, 'the root comes before all that is in it');
    this.items.metadata(entry);
    this.open.push({ path: '', low: 0, high: 0, start: 0, entryStart: 0, children: new ChildTable() });
  }

  /** Whether the directory that a path is in, up to its last slash, is the innermost. */
  private isInnermost(path: string, slash: number): boolean {
    const innermost = this.open.at(-1)?.path ?? '';
    return innermost === '' ? slash === -1 : slash === innermost.length && path.startsWith(innermost);
  }

  /**
   * Leaves directories, and makes up those that are missing, until the next entry is one of this directory.
   */
  private moveTo(directory: string, entry: FileEntry): void {
    while (!isWithin(directory, this.open.at(-1)!.path)) this.leave();
    let { path } = this.open.at(-1)!;
    if (path === directory) return;
    const fault = pathFault(directory);
    if (fault !== undefined) throw impossiblePath(entry.path, fault);
    while (path !== directory) {
      const from = path === '' ? 0 : path.length + 1;
      const slash = directory.indexOf('/', from);
      path = slash === -1 ? directory : directory.slice(0, slash);
      this.addMissing(path, entry);
    }
  }

  /** @param entry what is in it */
  private addMissing(path: string, entry: FileEntry | undefined): void {
    const none = { uid: 0, gid: 0, size: 0, mtime: entry?.mtime ?? 0n };
    const directory: FileEntry = { path, type: 'directory', mode: 0o755, ...none };
    if (path === '') {
      this.addRoot(directory);
    } else {
      this.addName(directory, path.slice(path.lastIndexOf('/') + 1));
      this.requireNew(entry!, `${printableName(path)} was left already, or is no directory`);
      this.addItems(directory);
    }
    const what = 'made up, as what is in them came first: directories of root, with the mode 0755';
    this.warnings.add('PXAR_DIRECTORY_ADDED', what, path);
  }

  /** Writes a FILENAME, and begins an entry. @throws `PXAR_PATH`, `PXAR_LIMIT` */
  private addName(entry: FileEntry, name: string): void {
    const fault = nameFault(name);
    if (fault !== undefined) throw impossiblePath(entry.path, fault);
    if (entry.path.length > MAX_PATH_LENGTH) {
      const what = `${printableName(entry.path)}: a path of more than ${MAX_PATH_LENGTH} characters`;
      throw new ArchiveError('PXAR_LIMIT', what, { entry: entry.path });
    }
    const { archive, items } = this;
    this.start = archive.offset;
    const start = items.begin();
    const from = archive.length;
    archive.text(name);
    this.hash.hash(archive.bytes, from, archive.length);
    archive.nul();
    items.end(start, ITEM.FILENAME, entry, 'its name');
  }

  /** Writes what follows a FILENAME. Says whether the content has to follow. */
  private addItems(entry: FileEntry): boolean {
    const entryStart = this.archive.offset;
    this.items.metadata(entry);
    this.targets.add(entry, this.start);
    switch (entry.type) {
      case 'directory':
        this.enter(entry, entryStart);
        return false;
      case 'file':
        return this.addFile(entry);
      case 'symlink':
        this.items.link(entry);
        return false;
      case 'block':
      case 'char':
        this.items.device(entry);
        return false;
      default:
        return false;
    }
  }

  private addFile(entry: FileEntry): boolean {
    const { path, size } = entry;
    if (!Number.isSafeInteger(size) || size < 0) {
      const what = `${printableName(path)}: a file cannot have ${size} bytes`;
      throw new ArchiveError('PXAR_CONTENT_SIZE', what, { entry: path });
    }
    const { archive, payload } = this;
    if (payload !== undefined) {
      archive.header(ITEM.PAYLOAD_REF, 16);
      archive.u64(payload.offset);
      archive.u64(size);
      this.elsewhere = size;
    }
    const writer = payload ?? archive;
    writer.header(ITEM.PAYLOAD, size);
    const content = contentAtHand(entry);
    if (content === undefined || size >= GATHER_BELOW) return size > 0 || entry.content !== undefined;
    writer.put(content);
    return false;
  }

  private addHardlink(entry: FileEntry): void {
    const { path, linkTarget = '' } = entry;
    const offset = this.targets.offsetOf(linkTarget);
    if (offset !== undefined) {
      this.items.link(entry, this.start - offset);
      this.targets.addName(entry, offset);
      return;
    }
    const other = this.targets.otherNamed(linkTarget);
    if (other === undefined) {
      const what = `${printableName(path)}: a hard link to ${printableName(linkTarget)}, which was not packed before`;
      throw new ArchiveError('PXAR_HARDLINK', what, { entry: path });
    }
    const what = 'packed as copies of what they link to: only files can have more than one name';
    this.warnings.addNotice('PXAR_HARDLINK_COPIED', what, path);
    this.addItems({ ...other, path });
  }

  private enter(entry: FileEntry, entryStart: number): void {
    const { path } = entry;
    if (this.open.length === MAX_DEPTH) {
      const what = `${printableName(path)}: directories more than ${MAX_DEPTH} deep`;
      throw new ArchiveError('PXAR_LIMIT', what, { entry: path });
    }
    if (this.open.at(-1)!.children.isAsked) this.requireNew(entry, 'what is in it came before');
    const { low, high } = this.hash;
    const children = this.spare.pop() ?? new ChildTable();
    this.open.push({ path, low, high, start: this.start, entryStart, children });
    this.start = -1;
  }

  /** @throws `PXAR_ENTRY_ORDER` when the directory holds the name that was added last already */
  private requireNew(entry: FileEntry, otherwise: string): void {
    const { low, high } = this.hash;
    if (this.open.at(-1)!.children.has(low, high)) throw outOfOrder(entry, otherwise);
  }

  /** Writes the goodbye table of the innermost directory, and ends it. */
  private leave(): void {
    const { path, low, high, start, entryStart, children } = this.open.pop()!;
    const { archive } = this;
    const size = children.goodbyeSize;
    archive.reserve(size);
    const hasNamesakes = children.encode(archive.view, archive.length, archive.offset, entryStart);
    archive.length += size;
    children.clear();
    this.spare.push(children);
    this.open.at(-1)?.children.add(low, high, start, archive.offset - start, 0);
    if (hasNamesakes) {
      const message = `${path === '' ? 'the root' : printableName(path)} holds a name more than once`;
      this.options.onWarning?.({ code: 'PXAR_NAME_REPEATED', message, entry: path });
    }
  }
}

/** Whether a path is that of a directory, or of what is in it. */
function isWithin(path: string, directory: string): boolean {
  if (directory === '' || path === directory) return true;
  return path.length > directory.length && path[directory.length] === '/' && path.startsWith(directory);
}

function impossiblePath(path: string, fault: string): ArchiveError {
  const what = `"${printableName(path)}" cannot be a path in an archive: ${fault}`;
  return new ArchiveError('PXAR_PATH', what, { entry: path });
}

function outOfOrder({ path }: FileEntry, why: string): ArchiveError {
  return new ArchiveError('PXAR_ENTRY_ORDER', `${printableName(path)} comes too late: ${why}`, {
    entry: path,
    hint: 'a pxar archive is written depth first: what is in a directory must follow it without anything else between',
  });
}

/** The content of a file if it is there as a whole, as one array. */
function contentAtHand({ size, content, extents }: FileEntry): Uint8Array | undefined {
  const isWhole = content instanceof Uint8Array && extents === undefined && content.length === size;
  return isWhole ? content : undefined;
}
