import type { Acl, AclEntry } from '../entry/entry.js';
import { isNamed } from '../metadata/acl.js';
import type { IdKind } from '../metadata/id-map.js';

/** The id on this system of a user or group of an ACL; `undefined` when there is none. */
export type AclIds = (kind: IdKind, entry: AclEntry) => number | undefined;

export interface HostAcl {
  readonly acl: Acl;
  /** Entries for users and groups that this system does not know, which are not in it. */
  readonly lost: number;
}

/**
 * An ACL as this system can take it: with ids of its own, and with the entries that none may be without,
 * which some formats leave to the file's mode.
 */
export function hostAcl(acl: Acl, mode: number, idOf: AclIds): HostAcl {
  const entries: AclEntry[] = [];
  let lost = 0;
  for (const entry of acl) {
    const { tag, permissions } = entry;
    if (!isNamed(tag)) {
      entries.push({ tag, permissions });
      continue;
    }
    const id = idOf(tag, entry);
    if (id === undefined) lost++;
    else entries.push({ tag, id, permissions });
  }
  const has = (...tags: AclEntry['tag'][]) => entries.some(({ tag }) => tags.includes(tag));
  if (!has('user-object')) entries.push({ tag: 'user-object', permissions: (mode >> 6) & 7 });
  if (!has('group-object')) entries.push({ tag: 'group-object', permissions: (mode >> 3) & 7 });
  if (!has('other')) entries.push({ tag: 'other', permissions: mode & 7 });
  if (!has('mask') && has('user', 'group')) entries.push({ tag: 'mask', permissions: (mode >> 3) & 7 });
  return { acl: entries, lost };
}

/**
 * The mode of a file that could not get its ACL: its group bits were the ACL's mask, the most that any user
 * or group of it may do. What is left to the group is what the ACL gave the group itself.
 */
export function modeWithoutAcl(mode: number, acl: Acl): number {
  const group = acl.find(({ tag }) => tag === 'group-object')?.permissions ?? 7;
  return mode & ~((~group & 7) << 3);
}
