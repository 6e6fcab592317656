import { ACCESS_ACL, type Acl, type AclEntry, DEFAULT_ACL } from '@vzdump-format/file-tree';
import { printableName } from '@vzdump-format/posix';
import { ArchiveError, type OnWarning } from '@vzdump-format/streams';
import { FILE_TYPE, ITEM, type ItemType, readU64 } from './format.js';
import { decodeText } from './names.js';
import type { ItemReader } from './read/item-reader.js';

const NANOSECONDS = 1_000_000_000;

/**
 * What nobody writes as an XATTR: the real extractor passes over them there, and `FileEntry` has other places
 * for them.
 */
const HAVE_ITEMS_OF_THEIR_OWN: ReadonlySet<string> = new Set([
  'security.capability',
  ACCESS_ACL,
  DEFAULT_ACL,
]);

/** What the ENTRY of a file and the items behind it say of it, in any order. */
export class Metadata {
  /** All of `st_mode`. */
  mode = 0;
  uid = 0;
  gid = 0;
  mtime = 0n;
  flags: number | undefined;
  xattrs: Map<string, Uint8Array> | undefined;
  fcaps: Uint8Array | undefined;
  quotaProject: number | undefined;
  private access: AclItems | undefined;
  private default: AclItems | undefined;
  /** Items that may come only once, of those that have. */
  private seen: ItemType[] = [];

  constructor(private readonly onWarning: OnWarning | undefined) {}

  /** Takes an ENTRY or ENTRY_V1, which begins a new file. @throws `PXAR_MODE`, `PXAR_MTIME` */
  begin(items: ItemReader, path: string): void {
    const { contentAt: at, start: offset } = items;
    const { view } = items.input;
    this.mode = view.getUint32(at, true);
    if (this.mode > 0xffff || view.getUint32(at + 4, true) !== 0) {
      throw new ArchiveError('PXAR_MODE', 'a mode has 16 bits', { offset, entry: path });
    }
    this.uid = view.getUint32(at + 16, true);
    this.gid = view.getUint32(at + 20, true);
    this.mtime =
      items.type === ITEM.ENTRY ? mtimeAt(view, at + 24, offset, path) : view.getBigUint64(at + 24, true);
    this.flags = this.flagsAt(view, at + 8, offset, path);
    this.xattrs = undefined;
    this.fcaps = undefined;
    this.quotaProject = undefined;
    this.access = undefined;
    this.default = undefined;
    if (this.seen.length > 0) this.seen = [];
  }

  /** The type of file that the mode tells, as in `FILE_TYPE`. */
  get fileType(): number {
    return this.mode & FILE_TYPE.mask;
  }

  get acl(): Acl | undefined {
    return this.access?.accessAcl(this.mode);
  }

  get defaultAcl(): Acl | undefined {
    return this.default?.defaultAcl();
  }

  /**
   * Takes the item at hand if it is one of metadata, and says whether it is.
   * @throws `PXAR_ACL`, `PXAR_XATTR`, `PXAR_QUOTA_PROJECT`, `PXAR_REPEATED_ITEM`
   */
  take(items: ItemReader, path: string): boolean {
    const { type, contentAt: at, start: offset } = items;
    const { view } = items.input;
    switch (type) {
      case ITEM.XATTR:
        this.takeXattr(items, path);
        break;
      case ITEM.ACL_USER:
        this.accessAcl.addNamed('user', view, at, offset);
        break;
      case ITEM.ACL_GROUP:
        this.accessAcl.addNamed('group', view, at, offset);
        break;
      case ITEM.ACL_GROUP_OBJ:
        this.requireFirst(items, path);
        this.accessAcl.addOther('group-object', view, at, offset);
        break;
      case ITEM.ACL_DEFAULT:
        this.requireFirst(items, path);
        this.ownDefaultAcl.addDefault(view, at, offset);
        break;
      case ITEM.ACL_DEFAULT_USER:
        this.ownDefaultAcl.addNamed('user', view, at, offset);
        break;
      case ITEM.ACL_DEFAULT_GROUP:
        this.ownDefaultAcl.addNamed('group', view, at, offset);
        break;
      case ITEM.FCAPS:
        this.requireFirst(items, path);
        this.fcaps = copyOf(items.input.bytes, at, at + items.size);
        break;
      case ITEM.QUOTA_PROJID:
        this.requireFirst(items, path);
        this.quotaProject = quotaProjectAt(view, at, offset, path);
        break;
      default:
        return false;
    }
    return true;
  }

  private get accessAcl(): AclItems {
    this.access ??= new AclItems();
    return this.access;
  }

  private get ownDefaultAcl(): AclItems {
    this.default ??= new AclItems();
    return this.default;
  }

  private takeXattr(items: ItemReader, path: string): void {
    const { contentAt: at, size, start: offset } = items;
    const { bytes } = items.input;
    const nul = bytes.indexOf(0, at);
    if (nul === -1 || nul === at || nul >= at + size) {
      const what = `${printableName(path)} has an extended attribute without a name`;
      throw new ArchiveError('PXAR_XATTR', what, { offset, entry: path });
    }
    const name = decodeText(bytes, at, nul);
    if (HAVE_ITEMS_OF_THEIR_OWN.has(name)) {
      const what = `${printableName(path)} has ${name} as an extended attribute: it is left out`;
      this.onWarning?.({ code: 'PXAR_XATTR_LEFT_OUT', message: what, offset, entry: path });
      return;
    }
    this.xattrs ??= new Map();
    if (this.xattrs.has(name)) {
      const what = `${printableName(path)} has ${printableName(name)} twice: the last counts`;
      this.onWarning?.({ code: 'PXAR_XATTR_REPEATED', message: what, offset, entry: path });
    }
    this.xattrs.set(name, copyOf(bytes, nul + 1, at + size));
  }

  private flagsAt(view: DataView, at: number, offset: number, path: string): number | undefined {
    const flags = view.getUint32(at, true);
    if ((flags & ~KNOWN_PXAR_FLAGS) !== 0 || view.getUint32(at + 4, true) !== 0) {
      const message = `${printableName(path)} has attributes that Linux has not: they are left out`;
      this.onWarning?.({ code: 'PXAR_FLAGS', message, offset, entry: path });
    }
    return flags === 0 ? undefined : toLinuxFlags(flags);
  }

  private requireFirst({ type, start: offset }: ItemReader, path: string): void {
    if (this.seen.includes(type)) {
      const what = `${printableName(path)} has more than one ${type.name}`;
      throw new ArchiveError('PXAR_REPEATED_ITEM', what, { offset, entry: path });
    }
    this.seen.push(type);
  }
}

/** The window's bytes do not last. */
function copyOf(bytes: Uint8Array, start: number, end: number): Uint8Array {
  return new Uint8Array(bytes.subarray(start, end));
}

function mtimeAt(view: DataView, at: number, offset: number, path: string): bigint {
  const nanoseconds = view.getUint32(at + 8, true);
  if (nanoseconds >= NANOSECONDS) {
    const what = `${printableName(path)}: a second has no ${nanoseconds} nanoseconds`;
    throw new ArchiveError('PXAR_MTIME', what, { offset, entry: path });
  }
  return view.getBigInt64(at, true) * 1_000_000_000n + BigInt(nanoseconds);
}

function quotaProjectAt(view: DataView, at: number, offset: number, path: string): number {
  const id = readU64(view, at);
  if (id <= 0xffff_ffff) return id;
  const what = `${printableName(path)}: a quota project's id is below 2^32`;
  throw new ArchiveError('PXAR_QUOTA_PROJECT', what, { offset, entry: path });
}

/**
 * File attributes: as an ENTRY has them, and as Linux does (`FS_*_FL` of linux/fs.h). The attributes of FAT,
 * which Linux has no bits for (hidden 0x2000, system 0x4000, archive 0x8000), are not carried.
 */
const PAIRS = [
  { pxar: 0x1_0000, linux: 0x20 }, // append only
  { pxar: 0x2_0000, linux: 0x80 }, // no atime
  { pxar: 0x4_0000, linux: 0x4 }, // compressed
  { pxar: 0x8_0000, linux: 0x80_0000 }, // no copy on write
  { pxar: 0x10_0000, linux: 0x40 }, // no dump
  { pxar: 0x20_0000, linux: 0x1_0000 }, // synchronous directory
  { pxar: 0x40_0000, linux: 0x10 }, // immutable
  { pxar: 0x80_0000, linux: 0x8 }, // synchronous
  { pxar: 0x100_0000, linux: 0x400 }, // not compressed
  { pxar: 0x200_0000, linux: 0x2000_0000 }, // project inherited
] as const;

const KNOWN_PXAR_FLAGS = PAIRS.reduce((all, { pxar }) => all | pxar, 0);

const KNOWN_LINUX_FLAGS = PAIRS.reduce((all, { linux }) => all | linux, 0);

/** Leaves out what pxar has no bit for: most of it only says how a file system stores the file. */
export function toPxarFlags(linuxFlags: number): number {
  if ((linuxFlags & KNOWN_LINUX_FLAGS) === 0) return 0; // as most files
  return PAIRS.reduce((all, { pxar, linux }) => ((linuxFlags & linux) === 0 ? all : all | pxar), 0);
}

export function toLinuxFlags(pxarFlags: number): number {
  return PAIRS.reduce((all, { pxar, linux }) => ((pxarFlags & pxar) === 0 ? all : all | linux), 0);
}

type NamedTag = 'user' | 'group';

/** All bits set, where an ACL_DEFAULT has none. */
const NONE = 0xffff_ffff;

/**
 * What the items of an entry say of one of its two ACLs, and which come to one list only when all of them are
 * there.
 */
class AclItems {
  private readonly named: Record<NamedTag, AclEntry[]> = { user: [], group: [] };
  private readonly others = new Map<AclEntry['tag'], AclEntry>();

  /** An item with an id and permissions. @param offset of the item. @throws `PXAR_ACL` */
  addNamed(tag: NamedTag, view: DataView, at: number, offset: number): void {
    const id = readU64(view, at);
    if (id > 0xffff_ffff) throw unfit(`no ${tag} has an id above 2^32`, offset);
    this.named[tag].push({ tag, id, permissions: permissionsAt(view, at + 8, offset) });
  }

  /** A number of an item that has nothing else. @throws `PXAR_ACL` */
  addOther(tag: AclEntry['tag'], view: DataView, at: number, offset: number): void {
    this.others.set(tag, { tag, permissions: permissionsAt(view, at, offset) });
  }

  /** The four numbers of an ACL_DEFAULT. @throws `PXAR_ACL` */
  addDefault(view: DataView, at: number, offset: number): void {
    for (const [index, tag] of (['user-object', 'group-object', 'other', 'mask'] as const).entries()) {
      const number = at + 8 * index;
      const isNone = view.getUint32(number, true) === NONE && view.getUint32(number + 4, true) === NONE;
      if (!isNone) this.addOther(tag, view, number, offset);
    }
  }

  /**
   * The access ACL of a file with this mode, which has what the items do not: in the group's place the mask,
   * if there is one.
   */
  accessAcl(mode: number): Acl {
    const group = this.others.has('group-object') ? 'mask' : 'group-object';
    const others = new Map(this.others)
      .set('user-object', { tag: 'user-object', permissions: (mode >> 6) & 7 })
      .set(group, { tag: group, permissions: (mode >> 3) & 7 })
      .set('other', { tag: 'other', permissions: mode & 7 });
    return this.inOrder(others);
  }

  defaultAcl(): Acl {
    return this.inOrder(this.others);
  }

  private inOrder(others: ReadonlyMap<AclEntry['tag'], AclEntry>): Acl {
    const one = (tag: AclEntry['tag']) => (others.has(tag) ? [others.get(tag)!] : []);
    const { user, group } = this.named;
    return [
      ...one('user-object'),
      ...user,
      ...one('group-object'),
      ...group,
      ...one('mask'),
      ...one('other'),
    ];
  }
}

function permissionsAt(view: DataView, at: number, offset: number): number {
  const permissions = readU64(view, at);
  if (permissions > 7) throw unfit('there are no permissions but read, write and execute', offset);
  return permissions;
}

function unfit(what: string, offset: number): ArchiveError {
  return new ArchiveError('PXAR_ACL', `an access control list that cannot be: ${what}`, { offset });
}
