import type { Content, EntryType, FileEntry } from '@vzdump-format/file-tree';
import { printableName } from '@vzdump-format/posix';
import { ArchiveError, type OnWarning } from '@vzdump-format/streams';
import {
  FILE_TYPE,
  ITEM,
  ITEM_HEADER_SIZE,
  type ItemType,
  isPxar,
  isPxarPayload,
  MAX_PATH_LENGTH,
  readU64,
} from '../format.js';
import { Metadata } from '../metadata.js';
import { decodeName, decodeTarget, pathFault } from '../names.js';
import type { ItemReader } from './item-reader.js';

/**
 * What is wrong with an archive and yet can be passed over, as its real reader does: an error for who
 * verifies.
 */
export type OnDoubt = (code: string, message: string, details: { offset: number; entry: string }) => void;

export interface EntryReaderOptions {
  readonly onWarning?: OnWarning | undefined;
  readonly onDoubt: OnDoubt;
}

/** An entry that gets its content from who asked for it. */
export interface ReadEntry extends PxarEntry {
  content?: Content | undefined;
}

/** Reads entries without their contents, which the window of `items` must have as a whole (`entryAtHand`). */
export class EntryReader {
  private readonly metadata: Metadata;

  constructor(
    private readonly items: ItemReader,
    private readonly options: EntryReaderOptions,
  ) {
    this.metadata = new Metadata(options.onWarning);
  }

  /**
   * The root, which is in the window. It ends before the first FILENAME or the GOODBYE, as a directory does.
   */
  readRoot(): ReadEntry {
    const { items } = this;
    items.take();
    const { start } = items;
    this.readMetadata('');
    if (this.metadata.fileType !== FILE_TYPE.directory) {
      throw new ArchiveError('PXAR_ROOT', 'the root of an archive must be a directory', { offset: start });
    }
    if (!endsEntry(items.type)) throw unexpected(items, '');
    items.putBack();
    return this.entry('', start, { type: 'directory' });
  }

  /** The name in the FILENAME that was taken. @throws `PXAR_NAME`, `PXAR_LIMIT` */
  name(): string {
    const { input, contentAt, size, start } = this.items;
    return decodeName(input.bytes, contentAt, size, start);
  }

  /**
   * The entry whose FILENAME was taken. Of a file, it ends before the content; of what has none, behind its
   * last item.
   * @param firstChild where the root's first child begins in the archive
   */
  read(path: string, firstChild: number): ReadEntry {
    const { items } = this;
    const start = items.start;
    if (path.length > MAX_PATH_LENGTH) {
      const what = `${printableName(path)}: a path of more than ${MAX_PATH_LENGTH} characters`;
      throw new ArchiveError('PXAR_LIMIT', what, { offset: start, entry: path });
    }
    items.take();
    if (items.type === ITEM.HARDLINK) return this.hardlink(path, start, firstChild);
    if (items.type !== ITEM.ENTRY && items.type !== ITEM.ENTRY_V1) throw unexpected(items, path);
    this.readMetadata(path);
    switch (items.type) {
      case ITEM.PAYLOAD: {
        const contentOffset = items.start + ITEM_HEADER_SIZE;
        return this.file(path, start, { type: 'file', size: items.size, contentOffset });
      }
      case ITEM.PAYLOAD_REF:
        return this.fileElsewhere(path, start);
      case ITEM.SYMLINK:
        return this.symlink(path, start);
      case ITEM.DEVICE:
        return this.device(path, start);
      default:
        return this.withoutContent(path, start);
    }
  }

  /** Reads from the ENTRY that was taken up to the first item that is no metadata. */
  private readMetadata(path: string): void {
    const { items, metadata } = this;
    metadata.begin(items, path);
    do {
      items.take();
    } while (metadata.take(items, path));
  }

  private file(path: string, start: number, special: Special): ReadEntry {
    this.requireType(path, start, FILE_TYPE.file, 'a file');
    return this.entry(path, start, special);
  }

  private fileElsewhere(path: string, start: number): ReadEntry {
    const { input, contentAt, start: offset } = this.items;
    const reference = readU64(input.view, contentAt);
    const size = readU64(input.view, contentAt + 8);
    if (!Number.isSafeInteger(reference + ITEM_HEADER_SIZE + size)) {
      const what = `${printableName(path)}: its content is said to reach past 2^53 bytes`;
      throw new ArchiveError('PXAR_PAYLOAD_REF', what, { offset, entry: path });
    }
    const contentOffset = reference + ITEM_HEADER_SIZE;
    return this.file(path, start, { type: 'file', size, contentOffset, inPayloadStream: true });
  }

  private symlink(path: string, start: number): ReadEntry {
    this.requireType(path, start, FILE_TYPE.symlink, 'a symlink');
    const { input, contentAt, size, start: offset } = this.items;
    const where = { offset, entry: path, what: 'the target of a symlink' };
    return this.entry(path, start, {
      type: 'symlink',
      linkTarget: decodeTarget(input.bytes, contentAt, size, where),
    });
  }

  private device(path: string, start: number): ReadEntry {
    const { input, contentAt, start: offset } = this.items;
    const { fileType } = this.metadata;
    if (fileType !== FILE_TYPE.block && fileType !== FILE_TYPE.char) {
      const what = `${printableName(path)}: a device, but its mode does not tell of which kind`;
      throw new ArchiveError('PXAR_DEVICE', what, { offset, entry: path });
    }
    const device = { major: readU64(input.view, contentAt), minor: readU64(input.view, contentAt + 8) };
    if (device.major > 0xffff_ffff || device.minor > 0xffff_ffff) {
      const what = `${printableName(path)}: the numbers of a device are below 2^32`;
      throw new ArchiveError('PXAR_DEVICE', what, { offset, entry: path });
    }
    return this.entry(path, start, { type: fileType === FILE_TYPE.block ? 'block' : 'char', device });
  }

  private withoutContent(path: string, start: number): ReadEntry {
    const { items } = this;
    if (!endsEntry(items.type)) throw unexpected(items, path);
    items.putBack();
    const type = TYPES_WITHOUT_CONTENT.get(this.metadata.fileType);
    if (type !== undefined) return this.entry(path, start, { type });
    const what = `${printableName(path)} has nothing that its mode calls for: no content, target or device`;
    throw new ArchiveError('PXAR_MISSING_CONTENT', what, { offset: items.start, entry: path });
  }

  private hardlink(path: string, start: number, firstChild: number): ReadEntry {
    const { input, contentAt, size, start: offset } = this.items;
    const linkOffset = start - readU64(input.view, contentAt);
    if (linkOffset < firstChild || linkOffset >= start) {
      const what = `${printableName(path)}: a hard link to where no file before it can be`;
      throw new ArchiveError('PXAR_HARDLINK_OFFSET', what, { offset, entry: path });
    }
    const where = { offset, entry: path, what: 'the target of a hard link' };
    const linkTarget = decodeTarget(input.bytes, contentAt + 8, size - 8, where);
    const fault = pathFault(linkTarget);
    if (fault !== undefined) {
      const what = `${printableName(path)}: a hard link cannot lead to "${printableName(linkTarget)}": ${fault}`;
      throw new ArchiveError('PXAR_LINK_TARGET', what, { offset, entry: path });
    }
    const none = { mode: 0, uid: 0, gid: 0, mtime: 0n, size: 0 };
    return { path, type: 'hardlink', ...none, linkTarget, archiveOffset: start, linkOffset };
  }

  private requireType(path: string, offset: number, type: number, what: string): void {
    if (this.metadata.fileType === type) return;
    const message = `${printableName(path)} is ${what}, though its mode says otherwise`;
    this.options.onDoubt('PXAR_FILE_TYPE', message, { offset, entry: path });
  }

  private entry(path: string, archiveOffset: number, special: Special): ReadEntry {
    const { metadata } = this;
    const { type } = special;
    let { defaultAcl } = metadata;
    if (defaultAcl !== undefined && type !== 'directory') {
      const message = `${printableName(path)} has an ACL for the files in it, but is no directory: it is left out`;
      this.options.onWarning?.({ code: 'PXAR_DEFAULT_ACL', message, offset: archiveOffset, entry: path });
      defaultAcl = undefined;
    }
    return {
      path,
      type,
      mode: metadata.mode & 0o7777,
      uid: metadata.uid,
      gid: metadata.gid,
      mtime: metadata.mtime,
      size: special.size ?? 0,
      linkTarget: special.linkTarget,
      device: special.device,
      xattrs: metadata.xattrs,
      acl: metadata.acl,
      defaultAcl,
      fcaps: metadata.fcaps,
      flags: metadata.flags,
      quotaProject: metadata.quotaProject,
      archiveOffset,
      contentOffset: special.contentOffset,
      inPayloadStream: special.inPayloadStream,
      content: undefined,
    };
  }
}

type Special = Pick<PxarEntry, 'linkTarget' | 'device' | 'contentOffset' | 'inPayloadStream'> & {
  readonly type: EntryType;
  readonly size?: number;
};

const TYPES_WITHOUT_CONTENT: ReadonlyMap<number, EntryType> = new Map([
  [FILE_TYPE.directory, 'directory'],
  [FILE_TYPE.fifo, 'fifo'],
  [FILE_TYPE.socket, 'socket'],
]);

/** Whether what has no content ends before this item. */
function endsEntry(type: ItemType): boolean {
  return type === ITEM.FILENAME || type === ITEM.GOODBYE;
}

export function unexpected({ type, start }: ItemReader, path: string): ArchiveError {
  const where = path === '' ? 'here' : `in ${printableName(path)}`;
  return new ArchiveError('PXAR_UNEXPECTED_ITEM', `a ${type.name} cannot stand ${where}`, {
    offset: start,
    entry: path === '' ? undefined : path,
  });
}

export function wrongHardlink({ path, linkTarget, archiveOffset }: PxarEntry): ArchiveError {
  const what = `${printableName(path)} does not lead to a file named ${printableName(linkTarget!)}`;
  return new ArchiveError('PXAR_HARDLINK', what, { offset: archiveOffset, entry: path });
}

/**
 * An entry of an archive, and where it is there. A hardlink has no mode, owner or time of its own: they are
 * 0.
 */
export interface PxarEntry extends FileEntry {
  /** Where it begins in the archive: at its FILENAME, the root at its ENTRY. */
  readonly archiveOffset: number;
  /** Of a hardlink: where its target begins in the archive. */
  readonly linkOffset?: number | undefined;
  /** Of a file: where its content begins, in the archive or, of a split one, in the payload stream. */
  readonly contentOffset?: number | undefined;
  /** Whether that is in the payload stream. */
  readonly inPayloadStream?: boolean | undefined;
}

/** What stands before the root. */
export interface PxarHeader {
  /** 2 if the archive may be split. */
  readonly version: 1 | 2;
  /** What a version 2 archive has behind its version. Proxmox keeps there, as JSON, what was excluded. */
  readonly prelude: Uint8Array | undefined;
}

/**
 * Reads what an archive begins with, up to the root's ENTRY, which is the next item.
 * @throws `PXAR_MAGIC`, `PXAR_VERSION`, `PXAR_UNEXPECTED_ITEM`, …
 */
export async function readHeader(items: ItemReader): Promise<PxarHeader> {
  await requireMagic(items);
  await items.next();
  let version: PxarHeader['version'] = 1;
  let prelude: Uint8Array | undefined;
  if (items.type === ITEM.FORMAT_VERSION) {
    version = versionAt(items);
    await items.next();
    if (items.type === ITEM.PRELUDE) {
      const { input, contentAt, size } = items;
      prelude = new Uint8Array(input.bytes.subarray(contentAt, contentAt + size));
      await items.next();
    }
  }
  if (items.type !== ITEM.ENTRY && items.type !== ITEM.ENTRY_V1) throw unexpected(items, '');
  items.putBack();
  return { version, prelude };
}

async function requireMagic({ input }: ItemReader): Promise<void> {
  await input.need(8);
  const head = input.bytes.subarray(input.position, input.position + 8);
  if (isPxar(head)) return;
  throw new ArchiveError('PXAR_MAGIC', 'it does not begin as a pxar archive does', {
    offset: 0,
    hint: isPxarPayload(head)
      ? 'it is the payload stream of a split archive: name the .mpxar instead'
      : 'is it compressed, or another format?',
  });
}

function versionAt({ input, contentAt, start }: ItemReader): PxarHeader['version'] {
  const version = readU64(input.view, contentAt);
  if (version === 1 || version === 2) return version;
  throw new ArchiveError('PXAR_VERSION', `a version of the format that is not known: ${version}`, {
    offset: start,
  });
}
