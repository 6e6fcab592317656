import {
  ACCESS_ACL,
  type Acl,
  CAPABILITIES,
  DEFAULT_ACL,
  decodeAcl,
  parseAclText,
  printableName,
} from '@vzdump-format/file-tree';
import { bytesToPath } from '@vzdump-format/posix';
import { ArchiveError } from '@vzdump-format/streams';
import type { Stretch } from './archive-reader.js';
import { MAX_EXTENTS, MAX_ID } from './format.js';
import { decodeText, encodeText } from './names.js';
import { decodeDecimal, decodePaxRecords, decodeTime, paxError } from './pax.js';

/**
 * What pax records say of a member. `null` is an empty value: what a global header says is undone, and the member's own
 * header holds (POSIX).
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
  /** Has records of libarchive's own, which come first; it writes names of attributes in those of star in its own way, too. */
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

const XATTR = 'SCHILY.xattr.';
const XATTR_OF_LIBARCHIVE = 'LIBARCHIVE.xattr.';
const SPARSE = 'GNU.sparse.';
/** Of a file that goes on on another volume. */
const VOLUME = 'GNU.volume.';
const COMMA = 0x2c;

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

interface PaxRecord {
  readonly keyword: string;
  readonly bytes: Buffer;
  /** Of the value. */
  readonly start: number;
  readonly end: number;
  /** Of the value, in the archive. */
  readonly offset: number;
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
      attributes[record.keyword] = time(record);
      return true;
    case 'uid':
    case 'gid':
      attributes[record.keyword] = isEmpty(record) ? null : decimal(record, MAX_ID);
      return true;
    case 'uname':
      attributes.userName = name(record);
      return true;
    case 'gname':
      attributes.groupName = name(record);
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
      attributes.path = name(record);
      return true;
    case 'linkpath':
      attributes.linkPath = name(record);
      return true;
    case 'size':
      attributes.size = isEmpty(record) ? null : decimal(record);
      return true;
    case 'SCHILY.acl.access':
      attributes.acl = acl(record, () => parseAclText(text(record)));
      return true;
    case 'SCHILY.acl.default':
      attributes.defaultAcl = acl(record, () => parseAclText(text(record)));
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
    setXattr(record, xattr, base64(record), attributes);
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
      sparse.major = decimal(record);
      return true;
    case 'GNU.sparse.minor':
      sparse.minor = decimal(record);
      return true;
    case 'GNU.sparse.name':
      sparse.name = text(record);
      return true;
    case 'GNU.sparse.size':
    case 'GNU.sparse.realsize':
      sparse.realSize = decimal(record);
      return true;
    case 'GNU.sparse.numblocks':
      sparse.count = decimal(record, MAX_EXTENTS);
      return true;
    case 'GNU.sparse.map':
      sparse.map = decimals(record);
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
  sparse.map.push(decimal(record));
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

/** GNU tar writes `=` and `%` in an attribute's name as `%3D` and `%25`, and nothing else so. */
function decodeXattrName(xattr: string): string {
  return xattr.includes('%') ? xattr.replaceAll('%3D', '=').replaceAll('%25', '%') : xattr;
}

export function encodeXattrKeyword(xattr: string): string {
  return XATTR + xattr.replaceAll('%', '%25').replaceAll('=', '%3D');
}

/** libarchive writes them as in a URL: `%C3%A9` → `é`. */
function decodePercents(xattr: string): string {
  if (!xattr.includes('%')) return xattr;
  const bytes = encodeText(xattr).toString('latin1');
  const decoded = bytes.replace(/%([0-9a-fA-F]{2})/g, (_all, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return bytesToPath(Buffer.from(decoded, 'latin1'));
}

function base64(record: PaxRecord): Uint8Array {
  const encoded = text(record);
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(encoded)) throw paxError('is not in base 64', record.offset);
  return Buffer.from(encoded, 'base64');
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

function isEmpty({ start, end }: PaxRecord): boolean {
  return start === end;
}

function text({ bytes, start, end }: PaxRecord): string {
  return decodeText(bytes, start, end);
}

function name(record: PaxRecord): string | null {
  return isEmpty(record) ? null : text(record);
}

function bytesOf({ bytes, start, end }: PaxRecord): Uint8Array {
  return new Uint8Array(bytes.subarray(start, end));
}

function time(record: PaxRecord): bigint | null {
  if (isEmpty(record)) return null;
  const decoded = decodeTime(record.bytes, record.start, record.end);
  if (decoded === undefined) throw badValue(record, 'a time');
  return decoded;
}

function decimal(record: PaxRecord, most = Number.MAX_SAFE_INTEGER): number {
  const decoded = decodeDecimal(record.bytes, record.start, record.end, most);
  if (decoded === undefined) throw badValue(record, `a number up to ${most}`);
  return decoded;
}

/** Numbers with commas between. */
function decimals(record: PaxRecord): number[] {
  const { bytes, start, end } = record;
  const numbers: number[] = [];
  for (let at = start; at <= end && !isEmpty(record); ) {
    const comma = bytes.indexOf(COMMA, at);
    const numberEnd = comma < 0 ? end : Math.min(comma, end);
    const number = decodeDecimal(bytes, at, numberEnd, Number.MAX_SAFE_INTEGER);
    if (number === undefined) throw badValue(record, 'numbers with commas between');
    numbers.push(number);
    at = numberEnd + 1;
  }
  return numbers;
}

function badValue(record: PaxRecord, what: string): ArchiveError {
  const value = printableName(text({ ...record, end: Math.min(record.end, record.start + 40) }));
  return paxError(`must hold ${what}: ${printableName(record.keyword)}=${value}`, record.offset);
}
