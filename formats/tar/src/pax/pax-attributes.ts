import {
  ACCESS_ACL,
  type Acl,
  CAPABILITIES,
  DEFAULT_ACL,
  decodeAcl,
  parseAclText,
} from '@vzdump-format/file-tree';
import { printableName } from '@vzdump-format/posix';
import { ArchiveError } from '@vzdump-format/streams';
import { MAX_EXTENTS, MAX_ID } from '../format.js';
import type { Stretch } from '../read/archive-reader.js';
import {
  base64Of,
  bytesOf,
  decimalOf,
  decimalsOf,
  decodePaxRecords,
  decodePercents,
  decodeXattrName,
  isEmpty,
  nameOf,
  type PaxRecord,
  paxError,
  textOf,
  timeOf,
} from './pax.js';

/**
 * What pax records say of a member. `null` is an empty value: what a global header says is undone, and the
 * member's own header holds (POSIX).
 */
export interface PaxAttributes {
  path?: string | null;
  linkPath?: string | null;
  size?: number | null;
  uid?: number | null;
  gid?: number | null;
  userName?: string | null;
  groupName?: string | null;
  mtime?: bigint | null;
  atime?: bigint | null;
  ctime?: bigint | null;
  /** By full name, values copied. */
  xattrs?: Map<string, Uint8Array>;
  acl?: Acl | undefined;
  defaultAcl?: Acl | undefined;
  fcaps?: Uint8Array;
  /**
   * Has records of libarchive's own, which come first; it writes names of attributes in those of star in its
   * own way, too.
   */
  isOfLibarchive?: boolean;
  sparse?: PaxSparse;
  isDumpDirectory?: boolean;
}

/** What the `GNU.sparse.…` records say, see `sparse.ts`. */
export interface PaxSparse {
  major?: number;
  minor?: number;
  name?: string;
  realSize?: number;
  /** How many stretches there are. */
  count?: number;
  /** Offsets and lengths by turns. */
  map?: number[];
}

export const XATTR = 'SCHILY.xattr.';
const XATTR_OF_LIBARCHIVE = 'LIBARCHIVE.xattr.';
const SPARSE = 'GNU.sparse.';
/** Of a file that goes on on another volume. */
const VOLUME = 'GNU.volume.';

/** What says nothing that a `FileEntry` could hold, and what no restore could put back. */
const IGNORED: ReadonlySet<string> = new Set([
  'charset',
  'comment',
  'hdrcharset',
  'GNU.volume.label',
  'LIBARCHIVE.creationtime',
  'SCHILY.dev',
  'SCHILY.devmajor',
  'SCHILY.devminor',
  'SCHILY.fflags',
  'SCHILY.ino',
  'SCHILY.nlink',
]);

export interface DecodePaxOptions {
  readonly isGlobal: boolean;
  /** Told of a keyword that means nothing here. */
  readonly onUnknown: (keyword: string, offset: number) => void;
}

/**
 * Decodes records into `attributes`; of two with the same keyword, the later one holds.
 * @throws `TAR_PAX_RECORD`; `TAR_PAX_GLOBAL` for a global record that can be true of one member alone;
 * `TAR_ACL`; `TAR_MULTI_VOLUME`
 */
export function decodePax(
  records: Stretch,
  size: number,
  attributes: PaxAttributes,
  { isGlobal, onUnknown }: DecodePaxOptions,
): void {
  const { bytes, at, offset } = records;
  decodePaxRecords(bytes, at, size, offset, (keyword, start, end) => {
    const record: PaxRecord = { keyword, bytes, start, end, offset: offset + start - at };
    if (decodeShared(record, attributes)) return;
    const isKnown = decodeOwn(record, isGlobal ? {} : attributes);
    if (!isKnown) onUnknown(keyword, record.offset);
    else if (isGlobal) throw globalOfOneMember(record);
  });
}

function globalOfOneMember({ keyword, offset }: PaxRecord): ArchiveError {
  const what = printableName(keyword);
  return new ArchiveError(
    'TAR_PAX_GLOBAL',
    `a global pax header says for all members what one may: ${what}`,
    {
      offset,
      hint: 'tools disagree on what it means: ask who made the archive',
    },
  );
}

/** Records that may be global, and those that are passed over. @returns whether it is one */
function decodeShared(record: PaxRecord, attributes: PaxAttributes): boolean {
  switch (record.keyword) {
    case 'mtime':
    case 'atime':
    case 'ctime':
      attributes[record.keyword] = timeOf(record);
      return true;
    case 'uid':
    case 'gid':
      attributes[record.keyword] = isEmpty(record) ? null : decimalOf(record, MAX_ID);
      return true;
    case 'uname':
      attributes.userName = nameOf(record);
      return true;
    case 'gname':
      attributes.groupName = nameOf(record);
      return true;
    default:
      return IGNORED.has(record.keyword);
  }
}

/** Records that are true of one member. @returns whether it is one */
function decodeOwn(record: PaxRecord, attributes: PaxAttributes): boolean {
  const { keyword } = record;
  switch (keyword) {
    case 'path':
      attributes.path = nameOf(record);
      return true;
    case 'linkpath':
      attributes.linkPath = nameOf(record);
      return true;
    case 'size':
      attributes.size = isEmpty(record) ? null : decimalOf(record);
      return true;
    case 'SCHILY.acl.access':
      attributes.acl = acl(record, () => parseAclText(textOf(record)));
      return true;
    case 'SCHILY.acl.default':
      attributes.defaultAcl = acl(record, () => parseAclText(textOf(record)));
      return true;
    case 'GNU.dumpdir':
      attributes.isDumpDirectory = true;
      return true;
  }
  if (keyword.startsWith(SPARSE)) return decodeSparse(record, attributes);
  if (keyword.startsWith(XATTR)) {
    const xattr = keyword.slice(XATTR.length);
    const decoded = attributes.isOfLibarchive ? decodePercents(xattr) : decodeXattrName(xattr);
    setXattr(record, decoded, bytesOf(record), attributes);
    return true;
  }
  if (keyword.startsWith(XATTR_OF_LIBARCHIVE)) {
    attributes.isOfLibarchive = true;
    const xattr = decodePercents(keyword.slice(XATTR_OF_LIBARCHIVE.length));
    setXattr(record, xattr, base64Of(record), attributes);
    return true;
  }
  if (keyword.startsWith(VOLUME)) throw multiVolume(record.offset);
  return false;
}

function decodeSparse(record: PaxRecord, attributes: PaxAttributes): boolean {
  attributes.sparse ??= {};
  const { sparse } = attributes;
  switch (record.keyword) {
    case 'GNU.sparse.major':
      sparse.major = decimalOf(record);
      return true;
    case 'GNU.sparse.minor':
      sparse.minor = decimalOf(record);
      return true;
    case 'GNU.sparse.name':
      sparse.name = textOf(record);
      return true;
    case 'GNU.sparse.size':
    case 'GNU.sparse.realsize':
      sparse.realSize = decimalOf(record);
      return true;
    case 'GNU.sparse.numblocks':
      sparse.count = decimalOf(record, MAX_EXTENTS);
      return true;
    case 'GNU.sparse.map':
      sparse.map = decimalsOf(record);
      return true;
    case 'GNU.sparse.offset':
    case 'GNU.sparse.numbytes':
      addToMap(record, sparse);
      return true;
    default:
      return false;
  }
}

/** Sparse 0.0 has a pair of records for each stretch. */
function addToMap(record: PaxRecord, sparse: PaxSparse): void {
  sparse.map ??= [];
  const expected = sparse.map.length % 2 === 0 ? 'GNU.sparse.offset' : 'GNU.sparse.numbytes';
  if (record.keyword !== expected) throw paxError(`stands where ${expected} must`, record.offset);
  sparse.map.push(decimalOf(record));
}

function setXattr(record: PaxRecord, xattr: string, value: Uint8Array, attributes: PaxAttributes): void {
  if (xattr === '' || xattr.includes('\0')) throw paxError('has no name of an attribute', record.offset);
  switch (xattr) {
    case CAPABILITIES:
      attributes.fcaps = value;
      return;
    case ACCESS_ACL:
      attributes.acl ??= acl(record, () => decodeAcl(value));
      return;
    case DEFAULT_ACL:
      attributes.defaultAcl ??= acl(record, () => decodeAcl(value));
      return;
    default:
      attributes.xattrs ??= new Map();
      attributes.xattrs.set(xattr, value);
  }
}

/** @returns nothing for an empty list @throws `TAR_ACL` */
function acl({ offset }: PaxRecord, decode: () => Acl): Acl | undefined {
  try {
    const entries = decode();
    return entries.length > 0 ? entries : undefined;
  } catch (error) {
    if (!(error instanceof ArchiveError)) throw error;
    throw new ArchiveError('TAR_ACL', error.message, { offset, cause: error });
  }
}

export function multiVolume(offset: number): ArchiveError {
  return new ArchiveError(
    'TAR_MULTI_VOLUME',
    'the archive is one volume of several: a file goes on in another',
    {
      offset,
      hint: 'join them with GNU tar --multi-volume',
    },
  );
}
