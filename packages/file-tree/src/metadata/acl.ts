import { readFileSync } from 'node:fs';
import { printableName } from '@vzdump-format/posix';
import { ArchiveError, isNotFound } from '@vzdump-format/streams';
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
const MOST_ACL_ENTRIES = Math.floor((65_536 - HEADER_SIZE) / ENTRY_SIZE);

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

const TAG_OF_NUMBER: ReadonlyMap<number, Tag> = new Map(
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
  const tag = TAG_OF_NUMBER.get(number);
  if (tag === undefined || permissions > 7) {
    throw new ArchiveError('ACL_VALUE', 'an access control list with an entry that has no meaning');
  }
  return isNamed(tag) ? { tag, id, permissions } : { tag, permissions };
}

/**
 * An ACL as the kernel takes it, sorted as it wants.
 * @throws `ACL_ENTRIES` for a list that the kernel would refuse: with an entry twice, or a named one
 * without an id; without an entry for the owner, the group or others; with named ones and no mask
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

const TAG_OF_WORD: ReadonlyMap<string, 'user' | 'group' | 'mask' | 'other'> = new Map([
  ['user', 'user'],
  ['u', 'user'],
  ['group', 'group'],
  ['g', 'group'],
  ['mask', 'mask'],
  ['m', 'mask'],
  ['other', 'other'],
  ['o', 'other'],
]);

const DIGITS = /^\d+$/;
const PERMISSIONS = /^[rwx-]{1,3}$/;
/** The last id; one more means that there is none. */
const LAST_ID = 0xffff_fffe;

/**
 * Reads an ACL's text form, as acl(5) has it and archives keep it (`SCHILY.acl.access`,
 * `SCHILY.acl.default`): entries such as `user::rwx`, `user:1000:r-x`, `group:staff:r--`, `mask::rwx`, at
 * line ends or commas; star's fourth field, the id of who is named; short tags; comments from `#` on. A
 * leading `default:`, which getfacl writes, counts for nothing.
 *
 * @throws `ACL_TEXT`
 */
export function parseAclText(text: string): Acl {
  const acl: AclEntry[] = [];
  for (const line of text.split('\n')) {
    for (const part of withoutComment(line).split(',')) {
      const entry = part.trim();
      if (entry === '') continue;
      if (acl.length === MOST_ACL_ENTRIES) throw malformed(entry, `more than ${MOST_ACL_ENTRIES} entries`);
      acl.push(parseEntry(entry));
    }
  }
  return acl;
}

/** The text form of an ACL, in its order: an entry a line. A user or group without an id goes by its name. */
export function formatAclText(acl: Acl): string {
  return acl.map((entry) => `${formatEntry(entry)}\n`).join('');
}

function withoutComment(line: string): string {
  const comment = line.indexOf('#');
  return comment < 0 ? line : line.slice(0, comment);
}

function parseEntry(entry: string): AclEntry {
  const fields = entry.split(':').map((field) => field.trim());
  if (fields[0] === 'default' || fields[0] === 'd') fields.shift();
  const kind = TAG_OF_WORD.get(fields.shift() ?? '');
  if (kind === undefined) throw malformed(entry, 'it is for neither user, group, mask nor other');
  if (!isNamed(kind)) {
    if (fields.length === 2 && fields[0] === '') fields.shift(); // `mask::rwx`, beside `mask:rwx`
    if (fields.length !== 1) throw malformed(entry, 'it does not have the fields of one');
    return { tag: kind, permissions: parsePermissions(entry, fields[0]!) };
  }
  const [who = '', permissions = '', id] = fields;
  if (fields.length < 2 || fields.length > 3) throw malformed(entry, 'it does not have the fields of one');
  if (who !== '') {
    return { tag: kind, ...parseWho(entry, who, id), permissions: parsePermissions(entry, permissions) };
  }
  if (id !== undefined) throw malformed(entry, 'the owner has no id there');
  return { tag: `${kind}-object`, permissions: parsePermissions(entry, permissions) };
}

/** An id counts for more than a name: that is looked up on the system that restores. */
function parseWho(entry: string, who: string, id: string | undefined): Pick<AclEntry, 'id' | 'name'> {
  const number = id ?? who;
  if (id === undefined && !DIGITS.test(who)) return { name: unquote(who) };
  if (!DIGITS.test(number) || Number(number) > LAST_ID) throw malformed(entry, 'its id is out of range');
  return { id: Number(number) };
}

function parsePermissions(entry: string, text: string): number {
  const [read, write, execute] = ['r', 'w', 'x'].map((letter) => text.split(letter).length - 1);
  if (!PERMISSIONS.test(text) || Math.max(read!, write!, execute!) > 1) {
    throw malformed(entry, 'its permissions are none');
  }
  return read! * 4 + write! * 2 + execute!;
}

function formatEntry({ tag, id, name = '', permissions }: AclEntry): string {
  const [kind] = tag.split('-');
  const who = isNamed(tag) ? (id ?? quote(name)) : '';
  const letters = ['r', 'w', 'x'].map((letter, index) => (permissions & (4 >> index) ? letter : '-'));
  return `${kind}:${who}:${letters.join('')}`;
}

/** libacl writes what would end a name as three octal digits behind a backslash. */
function quote(name: string): string {
  return name.replace(
    /[ \t\n\r:,#\\]/g,
    (letter) => `\\${letter.charCodeAt(0).toString(8).padStart(3, '0')}`,
  );
}

function unquote(name: string): string {
  return name.replace(/\\([01][0-7]{2})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 8)));
}

function malformed(entry: string, why: string): ArchiveError {
  return new ArchiveError(
    'ACL_TEXT',
    `not an entry of an access control list, ${printableName(entry)}: ${why}`,
  );
}

/** Users and groups by name. */
export interface Accounts {
  /** `undefined` for a name that is not known. */
  idOf(kind: 'user' | 'group', name: string): number | undefined;
}

/**
 * The accounts of this system, or of the one below `root`: what stands in its `/etc/passwd` and `/etc/group`.
 */
export function readAccounts(root = ''): Accounts {
  const ids = { user: readIds(`${root}/etc/passwd`), group: readIds(`${root}/etc/group`) };
  return { idOf: (kind, name) => ids[kind].get(name) };
}

/**
 * Gives the entries of an ACL that have only a name the id of that name here. Entries with an unknown name
 * stay as they are.
 */
export function resolveAclNames(acl: Acl, accounts: Accounts): Acl {
  return acl.map((entry): AclEntry => {
    const { tag, id, name, permissions } = entry;
    if (id !== undefined || name === undefined || (tag !== 'user' && tag !== 'group')) return entry;
    const found = accounts.idOf(tag, name);
    return found === undefined ? entry : { tag, id: found, permissions };
  });
}

/**
 * Both files have the name in the first field and the id in the third (passwd(5), group(5)). The first line
 * counts.
 */
function readIds(path: string): ReadonlyMap<string, number> {
  const ids = new Map<string, number>();
  for (const line of readTextIfAny(path).split('\n')) {
    const [name = '', , id = ''] = line.split(':');
    if (/^\d+$/.test(id) && !ids.has(name)) ids.set(name, Number(id));
  }
  return ids;
}

function readTextIfAny(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (isNotFound(error)) return '';
    throw error;
  }
}
