import type { Acl, AclEntry, CountedWarnings, FileEntry } from '@vzdump-format/file-tree';
import { printableName } from '@vzdump-format/posix';
import { ArchiveError } from '@vzdump-format/streams';
import { ENTRY_SIZE, FILE_TYPE, ITEM, ITEM_HEADER_SIZE, type ItemType } from '../format.js';
import { toPxarFlags } from '../metadata.js';
import type { ItemWriter } from './item-writer.js';

const NANOSECONDS = 1_000_000_000n;

export interface EntryWriterOptions {
  readonly keepsXattr: (name: string) => boolean;
  readonly warnings: CountedWarnings;
}

/**
 * Writes entries as items, in the order of the real encoder; not their names, nor what comes behind their
 * metadata.
 */
export class EntryWriter {
  constructor(
    private readonly writer: ItemWriter,
    private readonly options: EntryWriterOptions,
  ) {}

  /** The ENTRY and the metadata. @throws `PXAR_MTIME`, `PXAR_OWNER`, `PXAR_ACL`, `PXAR_XATTR`, … */
  metadata(entry: FileEntry): void {
    const { type, xattrs, acl, defaultAcl, fcaps, quotaProject } = entry;
    this.stat(entry);
    if (type !== 'file' && type !== 'directory') {
      if (xattrs?.size || acl || defaultAcl || fcaps)
        this.noteLoss(entry, 'attributes and ACLs, which only files and directories have');
      return;
    }
    if (xattrs !== undefined) this.xattrs(xattrs, entry);
    if (acl !== undefined) this.accessAcl(acl, entry);
    if (defaultAcl !== undefined) this.defaultAcl(defaultAcl, entry);
    if (fcaps !== undefined) this.fcaps(fcaps, entry);
    if (quotaProject) this.quotaProject(quotaProject, entry);
  }

  /** A SYMLINK, or with `offset` a HARDLINK. @throws `PXAR_LINK_TARGET`, `PXAR_LIMIT` */
  link(entry: FileEntry, offset?: number): void {
    const { path, linkTarget = '' } = entry;
    if (linkTarget === '' || linkTarget.includes('\0')) {
      const what = `${printableName(path)}: a link to "${printableName(linkTarget)}" cannot be`;
      throw new ArchiveError('PXAR_LINK_TARGET', what, { entry: path });
    }
    const type = offset === undefined ? ITEM.SYMLINK : ITEM.HARDLINK;
    const start = this.begin();
    if (offset !== undefined) this.writer.u64(offset);
    this.writer.text(linkTarget);
    this.writer.nul();
    this.end(start, type, entry, 'what it links to');
  }

  /** @throws `PXAR_DEVICE` */
  device({ path, device }: FileEntry): void {
    if (device === undefined || !isU32(device.major) || !isU32(device.minor)) {
      const what = `${printableName(path)}: a device needs two numbers below 2^32`;
      throw new ArchiveError('PXAR_DEVICE', what, { entry: path });
    }
    this.writer.header(ITEM.DEVICE, 16);
    this.writer.u64(device.major);
    this.writer.u64(device.minor);
  }

  /** Leaves room for the header of an item whose size is not known. Returns where it begins. */
  begin(): number {
    return this.writer.room(ITEM_HEADER_SIZE);
  }

  /** Writes that header. @throws `PXAR_LIMIT` when the content is more than the format takes */
  end(start: number, type: ItemType, { path }: FileEntry, what: string): void {
    const size = this.writer.length - start - ITEM_HEADER_SIZE;
    if (size > type.most) {
      const message = `${printableName(path)}: ${what} is too long for the format, which takes ${type.most} bytes`;
      throw new ArchiveError('PXAR_LIMIT', message, { entry: path });
    }
    this.writer.headerAt(start, type, size);
  }

  private stat(entry: FileEntry): void {
    const { path, type, uid, gid } = entry;
    if (!isU32(uid) || !isU32(gid)) {
      const what = `${printableName(path)}: a user and a group have ids below 2^32`;
      throw new ArchiveError('PXAR_OWNER', what, { entry: path });
    }
    this.writer.header(ITEM.ENTRY, ENTRY_SIZE);
    const at = this.writer.room(ENTRY_SIZE);
    const { view } = this.writer;
    view.setUint32(at, FILE_TYPE[type as keyof typeof FILE_TYPE] | permissionBits(entry), true);
    view.setUint32(at + 4, 0, true);
    view.setUint32(at + 8, entry.flags === undefined ? 0 : toPxarFlags(entry.flags), true);
    view.setUint32(at + 12, 0, true);
    view.setUint32(at + 16, uid, true);
    view.setUint32(at + 20, gid, true);
    writeTime(view, at + 24, entry);
  }

  private xattrs(xattrs: ReadonlyMap<string, Uint8Array>, entry: FileEntry): void {
    for (const [name, value] of xattrs) {
      if (!this.options.keepsXattr(name)) continue;
      if (name === '' || name.includes('\0')) {
        const what = `${printableName(entry.path)}: an extended attribute named "${printableName(name)}" cannot be`;
        throw new ArchiveError('PXAR_XATTR', what, { entry: entry.path });
      }
      const start = this.begin();
      this.writer.text(name);
      this.writer.nul();
      this.writer.put(value);
      this.end(start, ITEM.XATTR, entry, `the extended attribute ${printableName(name)}`);
    }
  }

  /** What of it does not stand in the mode. */
  private accessAcl(acl: Acl, entry: FileEntry): void {
    this.named(acl, 'user', ITEM.ACL_USER, entry);
    this.named(acl, 'group', ITEM.ACL_GROUP, entry);
    if (find(acl, 'mask') === undefined) return;
    const group = find(acl, 'group-object') ?? { tag: 'group-object', permissions: (entry.mode >> 3) & 7 };
    this.number(ITEM.ACL_GROUP_OBJ, permissionsOf(group, entry));
  }

  private defaultAcl(acl: Acl, entry: FileEntry): void {
    if (entry.type !== 'directory') {
      if (acl.length > 0) this.noteLoss(entry, 'an ACL for the files in it, which only directories have');
      return;
    }
    const fixed = (['user-object', 'group-object', 'other', 'mask'] as const).map((tag) => find(acl, tag));
    if (fixed.some((found) => found !== undefined)) {
      this.writer.header(ITEM.ACL_DEFAULT, ITEM.ACL_DEFAULT.most);
      for (const found of fixed) {
        if (found === undefined) this.none();
        else this.writer.u64(permissionsOf(found, entry));
      }
    }
    this.named(acl, 'user', ITEM.ACL_DEFAULT_USER, entry);
    this.named(acl, 'group', ITEM.ACL_DEFAULT_GROUP, entry);
  }

  /** The users or groups of an ACL, sorted by id. */
  private named(acl: Acl, tag: 'user' | 'group', type: ItemType, entry: FileEntry): void {
    const found = acl.filter((one) => one.tag === tag && this.hasId(one, entry));
    for (const one of found.sort((a, b) => a.id! - b.id!)) {
      this.writer.header(type, type.most);
      this.writer.u64(one.id!);
      this.writer.u64(permissionsOf(one, entry));
    }
  }

  /** @throws `PXAR_ACL` for an id that cannot be */
  private hasId({ tag, id }: AclEntry, entry: FileEntry): boolean {
    if (id === undefined) {
      this.noteLoss(entry, 'all of their ACL: it names users or groups whose id is not known');
      return false;
    }
    if (isU32(id)) return true;
    throw unfit(entry, `no ${tag} has the id ${id}`);
  }

  private fcaps(value: Uint8Array, entry: FileEntry): void {
    if (entry.type !== 'file') {
      this.noteLoss(entry, 'capabilities, which only files have');
      return;
    }
    const start = this.begin();
    this.writer.put(value);
    this.end(start, ITEM.FCAPS, entry, 'its capabilities');
  }

  /** @param project not 0, which is none */
  private quotaProject(project: number, { path }: FileEntry): void {
    if (!isU32(project)) {
      const what = `${printableName(path)}: a quota project's id is below 2^32`;
      throw new ArchiveError('PXAR_QUOTA_PROJECT', what, { entry: path });
    }
    this.number(ITEM.QUOTA_PROJID, project);
  }

  private number(type: ItemType, value: number): void {
    this.writer.header(type, 8);
    this.writer.u64(value);
  }

  private none(): void {
    this.writer.reserve(8);
    this.writer.bytes.fill(0xff, this.writer.length, this.writer.length + 8);
    this.writer.length += 8;
  }

  private noteLoss({ path }: FileEntry, what: string): void {
    this.options.warnings.add('PXAR_LEFT_OUT', `without ${what}`, path);
  }
}

/** The mode's low bits, with those of the ACL where it has one: the mask in place of the group. */
function permissionBits(entry: FileEntry): number {
  const bits = entry.mode & 0o7777;
  const { acl, type } = entry;
  if (acl === undefined || (type !== 'file' && type !== 'directory')) return bits;
  const of = (tags: readonly AclEntry['tag'][], shift: number) => {
    const found = tags.map((tag) => find(acl, tag)).find((one) => one !== undefined);
    return found === undefined ? bits & (7 << shift) : permissionsOf(found, entry) << shift;
  };
  return (bits & ~0o777) | of(['user-object'], 6) | of(['mask', 'group-object'], 3) | of(['other'], 0);
}

/** Seconds rounded down, and the nanoseconds behind them. @throws `PXAR_MTIME` */
function writeTime(view: DataView, at: number, { path, mtime }: FileEntry): void {
  let seconds = mtime / NANOSECONDS;
  let nanoseconds = Number(mtime % NANOSECONDS);
  if (nanoseconds < 0) {
    seconds -= 1n;
    nanoseconds += Number(NANOSECONDS);
  }
  if (BigInt.asIntN(64, seconds) !== seconds) {
    const what = `${printableName(path)}: a time that does not fit into 64 bits`;
    throw new ArchiveError('PXAR_MTIME', what, { entry: path });
  }
  view.setBigInt64(at, seconds, true);
  view.setUint32(at + 8, nanoseconds, true);
  view.setUint32(at + 12, 0, true);
}

function find(acl: Acl, tag: AclEntry['tag']): AclEntry | undefined {
  return acl.find((one) => one.tag === tag);
}

function permissionsOf({ permissions }: AclEntry, entry: FileEntry): number {
  if (Number.isInteger(permissions) && permissions >= 0 && permissions <= 7) return permissions;
  throw unfit(entry, `it grants ${permissions}`);
}

function unfit({ path }: FileEntry, why: string): ArchiveError {
  const what = `${printableName(path)} has an access control list that cannot be: ${why}`;
  return new ArchiveError('PXAR_ACL', what, { entry: path });
}

function isU32(value: number): boolean {
  return value >>> 0 === value;
}
