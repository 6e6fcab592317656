import type { Acl, AclEntry } from '@vzdump-format/file-tree';
import { ArchiveError } from '@vzdump-format/streams';
import { readU64 } from './format.js';

type NamedTag = 'user' | 'group';

/** All bits set, where an ACL_DEFAULT has none. */
const NONE = 0xffff_ffff;

/**
 * What the items of an entry say of one of its two ACLs, and which come to one list only when all of them are
 * there.
 */
export class AclItems {
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
