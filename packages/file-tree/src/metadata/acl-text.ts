import { printableName } from '@vzdump-format/posix';
import { ArchiveError } from '@vzdump-format/streams';
import type { Acl, AclEntry } from '../entry/entry.js';
import { isNamed, MOST_ACL_ENTRIES } from './acl.js';

const TAGS: ReadonlyMap<string, 'user' | 'group' | 'mask' | 'other'> = new Map([
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
  const kind = TAGS.get(fields.shift() ?? '');
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
