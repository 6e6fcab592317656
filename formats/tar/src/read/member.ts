import type { Acl, EntryType, FileEntry } from '@vzdump-format/file-tree';
import { printableName } from '@vzdump-format/posix';
import { ArchiveError } from '@vzdump-format/streams';
import { MAX_ID, TYPE } from '../format.js';
import type { Header } from '../header/header.js';
import { pathOfName } from '../header/names.js';
import { joinTime } from '../pax/pax.js';
import type { PaxAttributes } from '../pax/pax-attributes.js';

/** A member's entry while it is being made. */
export type MemberEntry = { -readonly [Key in keyof TarEntry]: TarEntry[Key] };

/** What is known of a member when its header has been read. */
export interface MemberFacts {
  readonly header: Header;
  /** Where its header stands, and where the first of those that belong to it. */
  readonly offset: number;
  readonly start: number;
  readonly pax: PaxAttributes;
  readonly globals: PaxAttributes;
  readonly longName: string | undefined;
  readonly longLink: string | undefined;
}

/**
 * What headers and records say together, as an entry. Of a sparse file, `size`, `extents` and `contentOffset`
 * are set when its map has been read.
 *
 * @throws `TAR_NAME`, `TAR_SIZE`, `TAR_NUMBER`, `TAR_HEADER_ORDER`
 */
export function entryOf(facts: MemberFacts): MemberEntry {
  const { header, pax, globals, offset } = facts;
  const storedName = nameOf(facts);
  const type = typeOfMember(header.type, storedName);
  const storedLinkName = type === 'symlink' || type === 'hardlink' ? linkNameOf(facts, storedName) : '';
  const storedMode = header.mode & 0o7777;
  const storedSize = storedSizeOf(type, facts, storedName);
  return {
    path: pathOfName(storedName),
    type,
    mode: modeBesideAcl(storedMode, pax.acl),
    uid: checkedId(resolve(pax.uid, globals.uid) ?? header.uid, offset, storedName),
    gid: checkedId(resolve(pax.gid, globals.gid) ?? header.gid, offset, storedName),
    mtime: resolve(pax.mtime, globals.mtime) ?? joinTime(header.mtime, 0),
    size: type === 'file' ? storedSize : 0,
    linkTarget: type === 'hardlink' ? pathOfName(storedLinkName) : storedLinkName || undefined,
    device: type === 'block' || type === 'char' ? deviceOf(header, offset, storedName) : undefined,
    xattrs: pax.xattrs,
    acl: pax.acl,
    defaultAcl: pax.defaultAcl,
    fcaps: pax.fcaps,
    extents: undefined,
    content: undefined,
    storedName,
    storedLinkName,
    storedType: header.type,
    storedMode,
    userName: resolve(pax.userName, globals.userName) ?? header.userName,
    groupName: resolve(pax.groupName, globals.groupName) ?? header.groupName,
    atime: resolve(pax.atime, globals.atime) ?? undefined,
    ctime: resolve(pax.ctime, globals.ctime) ?? undefined,
    headerOffset: facts.start,
    contentOffset: 0,
    storedSize,
  };
}

/**
 * On a file with an ACL that has a mask, the system keeps that where others have the group's permissions
 * (acl(5)).
 */
function modeBesideAcl(mode: number, acl: Acl | undefined): number {
  const mask = acl?.find(({ tag }) => tag === 'mask');
  return mask === undefined ? mode : (mode & ~0o070) | (mask.permissions << 3);
}

/** A record of its own goes before a global one, an empty one too. */
function resolve<T>(own: T | null | undefined, global: T | null | undefined): T | null | undefined {
  return own === undefined ? global : own;
}

function nameOf({ header, pax, longName, offset }: MemberFacts): string {
  const paxName = pax.sparse?.name ?? pax.path;
  requireOne(longName, paxName, offset);
  const name = paxName ?? longName ?? header.name;
  if (name === '') throw new ArchiveError('TAR_NAME', 'a member has no name', { offset });
  if (name.includes('\0')) throw nulInName('name', name, offset);
  return name;
}

/** Of a long name and another in a pax record, GNU tar takes this one, bsdtar that. */
function requireOne(long: string | undefined, pax: string | null | undefined, offset: number): void {
  if (long === undefined || typeof pax !== 'string') return;
  throw new ArchiveError('TAR_HEADER_ORDER', 'a member has a long name, and another in a pax record', {
    offset,
    entry: long,
    hint: 'tools disagree on which to take: ask who made the archive',
  });
}

function nulInName(what: string, name: string, offset: number): ArchiveError {
  return new ArchiveError('TAR_NAME', `the ${what} of a member holds a NUL byte: ${printableName(name)}`, {
    offset,
    entry: name,
  });
}

function typeOfMember(storedType: string, name: string): EntryType {
  switch (storedType) {
    case TYPE.hardlink:
      return 'hardlink';
    case TYPE.symlink:
      return 'symlink';
    case TYPE.char:
      return 'char';
    case TYPE.block:
      return 'block';
    case TYPE.directory:
    case TYPE.dumpDirectory:
      return 'directory';
    case TYPE.fifo:
      return 'fifo';
    case TYPE.file:
    case TYPE.fileOfV7:
      return name.endsWith('/') ? 'directory' : 'file';
    default:
      return 'file';
  }
}

/**
 * Bytes of content that follow. Tools agree that a hardlink and a directory have none, whatever their size
 * says; on symlinks, devices and pipes with a size they do not.
 */
function storedSizeOf(type: EntryType, { header, pax, offset }: MemberFacts, entry: string): number {
  const size = pax.size ?? header.size;
  if (size < 0) throw sizeError(`has a negative size: ${size}`, offset, entry);
  if (type === 'file' || header.type === TYPE.dumpDirectory) return size;
  if (size === 0 || type === 'hardlink' || header.type === TYPE.directory) return 0;
  throw sizeError(`is no file, but has a size: ${size}`, offset, entry);
}

function sizeError(what: string, offset: number, entry: string): ArchiveError {
  return new ArchiveError('TAR_SIZE', `${printableName(entry)} ${what}`, { offset, entry });
}

function linkNameOf({ header, pax, longLink, offset }: MemberFacts, entry: string): string {
  requireOne(longLink, pax.linkPath, offset);
  const linkName = pax.linkPath ?? longLink ?? header.linkName;
  if (linkName === '') {
    throw new ArchiveError('TAR_NAME', `${printableName(entry)} is a link to nothing`, { offset, entry });
  }
  if (linkName.includes('\0')) throw nulInName('link name', linkName, offset);
  return linkName;
}

function deviceOf(
  { deviceMajor, deviceMinor }: Header,
  offset: number,
  entry: string,
): { major: number; minor: number } {
  return { major: checkedId(deviceMajor, offset, entry), minor: checkedId(deviceMinor, offset, entry) };
}

/** A number of 32 bits. */
function checkedId(id: number, offset: number, entry: string): number {
  if (id >= 0 && id <= MAX_ID) return id;
  throw new ArchiveError('TAR_NUMBER', `${printableName(entry)} has an id of ${id}`, { offset, entry });
}

/** A member of a tar archive. */
export interface TarEntry extends FileEntry {
  /** The name as it stands in the archive: `./etc/hosts`, `./etc/`. */
  readonly storedName: string;
  /** Likewise; empty where there is none. */
  readonly storedLinkName: string;
  /** The type as it stands in the archive: one character, see `TYPE`. */
  readonly storedType: string;
  /** The mode as it stands in the archive: bsdtar puts another one beside an ACL than the system has. */
  readonly storedMode: number;
  /** Empty where the archive has numbers alone. */
  readonly userName: string;
  readonly groupName: string;
  /** In nanoseconds since the epoch. */
  readonly atime?: bigint | undefined;
  readonly ctime?: bigint | undefined;
  /** Where in the archive its first header stands. */
  readonly headerOffset: number;
  /** Where in the archive its content stands: of a sparse file, the data of its extents. */
  readonly contentOffset: number;
  /** Bytes of content in the archive: for a file without `extents`, its size. */
  readonly storedSize: number;
}
