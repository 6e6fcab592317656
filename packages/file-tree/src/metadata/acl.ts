import { ArchiveError } from '@vzdump-format/streams';
import type { Acl, AclEntry } from '../entry/entry.js';

/** The extended attributes in which the kernel gives and takes ACLs. */
export const ACCESS_ACL = 'system.posix_acl_access';
export const DEFAULT_ACL = 'system.posix_acl_default';

// The value of both, little-endian (<linux/posix_acl_xattr.h>): a u32 version, then 8 bytes an entry: u16
// tag, u16 permissions, u32 id, which is all ones where the tag has none.
const VERSION = 2;
const HEADER_SIZE = 4;
const ENTRY_SIZE = 8;
const NO_ID = 0xffff_ffff;
/** XATTR_SIZE_MAX, 64 KiB, has no room for more. */
export const MOST_ACL_ENTRIES = Math.floor((65_536 - HEADER_SIZE) / ENTRY_SIZE);

type Tag = AclEntry['tag'];

/** In the order in which the kernel wants them. */
const TAG_NUMBERS: Readonly<Record<Tag, number>> = {
  'user-object': 0x01,
  user: 0x02,
  'group-object': 0x04,
  group: 0x08,
  mask: 0x10,
  other: 0x20,
};

const TAGS: ReadonlyMap<number, Tag> = new Map(
  Object.entries(TAG_NUMBERS).map(([tag, number]) => [number, tag as Tag]),
);

/** Reads an ACL as the kernel gives it. @throws `ACL_VALUE` for anything that it would not give */
export function decodeAcl(value: Uint8Array): Acl {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.length);
  const count = (bytes.length - HEADER_SIZE) / ENTRY_SIZE;
  if (!Number.isInteger(count) || count < 0 || count > MOST_ACL_ENTRIES) {
    throw new ArchiveError('ACL_VALUE', `an access control list cannot take ${bytes.length} bytes`);
  }
  const version = bytes.readUInt32LE(0);
  if (version !== VERSION) {
    throw new ArchiveError('ACL_VALUE', `an access control list of unknown version ${version}`);
  }
  return Array.from({ length: count }, (_, index) => decodeEntry(bytes, HEADER_SIZE + index * ENTRY_SIZE));
}

function decodeEntry(bytes: Buffer, at: number): AclEntry {
  const number = bytes.readUInt16LE(at);
  const permissions = bytes.readUInt16LE(at + 2);
  const id = bytes.readUInt32LE(at + 4);
  const tag = TAGS.get(number);
  if (tag === undefined || permissions > 7) {
    throw new ArchiveError('ACL_VALUE', 'an access control list with an entry that has no meaning');
  }
  return isNamed(tag) ? { tag, id, permissions } : { tag, permissions };
}

/**
 * An ACL as the kernel takes it, sorted as it wants.
 * @throws `ACL_ENTRIES` for a list that it would refuse: an entry twice, or without an id; none for the
 * owner, group
 *   or others; named ones without a mask
 */
export function encodeAcl(acl: Acl): Buffer {
  const entries = acl.map(numbered).sort((a, b) => a.number - b.number || a.id - b.id);
  requireComplete(entries);
  const value = Buffer.alloc(HEADER_SIZE + entries.length * ENTRY_SIZE);
  let at = value.writeUInt32LE(VERSION);
  for (const { number, permissions, id } of entries) {
    at = value.writeUInt16LE(number, at);
    at = value.writeUInt16LE(permissions, at);
    at = value.writeUInt32LE(id, at);
  }
  return value;
}

export function isNamed(tag: Tag): tag is 'user' | 'group' {
  return tag === 'user' || tag === 'group';
}

interface NumberedEntry {
  readonly tag: Tag;
  readonly number: number;
  readonly permissions: number;
  readonly id: number;
}

function numbered({ tag, id = NO_ID, permissions }: AclEntry): NumberedEntry {
  const hasId = Number.isInteger(id) && id >= 0 && id < NO_ID;
  if (isNamed(tag) && !hasId) throw unfit(`its entry for a ${tag} has no id`);
  if (!Number.isInteger(permissions) || permissions < 0 || permissions > 7) {
    throw unfit('it grants what is no permission');
  }
  return { tag, number: TAG_NUMBERS[tag], permissions, id: isNamed(tag) ? id : NO_ID };
}

function requireComplete(sorted: readonly NumberedEntry[]): void {
  if (sorted.length > MOST_ACL_ENTRIES) throw unfit(`it has more than ${MOST_ACL_ENTRIES} entries`);
  for (const [index, { number, id, tag }] of sorted.entries()) {
    const before = sorted[index - 1];
    if (before?.number === number && before.id === id) throw unfit(`it has two entries for one ${tag}`);
  }
  const tags = new Set(sorted.map(({ tag }) => tag));
  for (const tag of ['user-object', 'group-object', 'other'] as const) {
    if (!tags.has(tag)) throw unfit(`it has no ${tag} entry`);
  }
  if ((tags.has('user') || tags.has('group')) && !tags.has('mask')) throw unfit('it has no mask');
}

function unfit(why: string): ArchiveError {
  return new ArchiveError('ACL_ENTRIES', `an access control list cannot be set: ${why}`);
}
