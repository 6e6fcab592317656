import { CAPABILITIES, type FileEntry, formatAclText } from '@vzdump-format/file-tree';
import { printableName } from '@vzdump-format/posix';
import { ArchiveError } from '@vzdump-format/streams';
import {
  LENGTH,
  MAX_ID,
  MAX_OCTAL_ID,
  MAX_OCTAL_SIZE,
  MAX_OCTAL_TIME,
  MAX_PAX_SIZE,
  TYPE,
} from '../format.js';
import { encodeText, isAscii, type MemberName, nameOf, nameOfPath, pathFault } from '../header/names.js';
import {
  encodeMtime,
  encodePaxRecord,
  encodeTime,
  encodeXattrName,
  LONGEST_MTIME,
  splitTime,
} from '../pax/pax.js';
import { XATTR } from '../pax/pax-attributes.js';
import type { SparseLayout } from '../sparse.js';
import type { ChunkBuffer } from './chunk-buffer.js';

/** What can be packed: `TarEntry` is one, too. */
export interface PackEntry extends FileEntry {
  /** In nanoseconds since the epoch; stored only when given. */
  readonly atime?: bigint | undefined;
  readonly ctime?: bigint | undefined;
}

const TYPES: Readonly<Record<Exclude<FileEntry['type'], 'socket'>, string>> = {
  file: TYPE.file,
  directory: TYPE.directory,
  symlink: TYPE.symlink,
  hardlink: TYPE.hardlink,
  block: TYPE.block,
  char: TYPE.char,
  fifo: TYPE.fifo,
};

/**
 * What GNU tar puts the number of its process into, so that names of sparse members differ; here always the
 * same.
 */
const SPARSE_FOLDER = 'GNUSparseFile.0';
const PAX_FOLDER = 'PaxHeaders';
const PAX_MODE = 0o644;
/** In nanoseconds. */
const TIME_LIMIT = 2n ** 53n * 1_000_000_000n;
const NO_DEVICE = { major: 0, minor: 0 };

const mtimeRecord = new Uint8Array(LONGEST_MTIME);

/**
 * Appends all of a member but its content: a ustar header, with pax records before it for what it has no room
 * for, as GNU tar does; of a sparse file also the map.
 * @throws `TAR_NAME`, `TAR_LIMIT`
 */
export function appendHeaders(out: ChunkBuffer, entry: PackEntry, layout: SparseLayout | undefined): void {
  const { path, type, uid, gid } = entry;
  if (type === 'socket') throw new Error('a socket cannot be stored');
  requireStorable(entry);
  const isDirectory = type === 'directory';
  const folder = layout === undefined ? '' : SPARSE_FOLDER;
  const linkName = linkNameOf(entry);
  const size = storedSizeOf(entry, layout);
  const { seconds, nanoseconds } = splitTime(entry.mtime);
  const hasTime = isOctalTime(seconds);
  if (layout !== undefined || seconds < 0 || mayNeedRecords(entry, linkName)) {
    const needsTime = nanoseconds > 0 || !hasTime;
    const name = { path, isDirectory, folder };
    const records = recordsOf(entry, { name, linkName, size, needsTime });
    if (records.length > 0) appendPaxHeader(out, entry, records, seconds);
  } else if (nanoseconds > 0 || !hasTime) {
    const length = encodeMtime(mtimeRecord, seconds, nanoseconds);
    beginPaxHeader(out, path, length, seconds);
    out.appendBlock(mtimeRecord, length);
  }
  out.header({
    path,
    isDirectory,
    folder,
    mode: entry.mode & 0o7777,
    uid: uid <= MAX_OCTAL_ID ? uid : 0,
    gid: gid <= MAX_OCTAL_ID ? gid : 0,
    size: size <= MAX_OCTAL_SIZE ? size : 0,
    mtime: hasTime ? seconds : 0,
    type: TYPES[type],
    linkName,
    device: entry.device ?? NO_DEVICE,
  });
  if (layout !== undefined) out.append(layout.map);
}

/** Whether a member without holes may need a record but that of its mtime; told fast of most that do not. */
function mayNeedRecords(entry: PackEntry, linkName: string): boolean {
  const { path, size, uid, gid, atime, ctime, acl, defaultAcl, xattrs, fcaps } = entry;
  return (
    path.length > LENGTH.name - './/'.length ||
    !isAscii(path) ||
    linkName.length * 3 > LENGTH.linkName ||
    size > MAX_OCTAL_SIZE ||
    uid > MAX_OCTAL_ID ||
    gid > MAX_OCTAL_ID ||
    atime !== undefined ||
    ctime !== undefined ||
    acl !== undefined ||
    defaultAcl !== undefined ||
    xattrs !== undefined ||
    fcaps !== undefined
  );
}

/** Bytes of content that the archive holds, a sparse file's map included. */
function storedSizeOf({ type, size }: PackEntry, layout: SparseLayout | undefined): number {
  if (layout !== undefined) return layout.map.length + layout.dataSize;
  return type === 'file' ? size : 0;
}

/** Empty where there is none. */
function linkNameOf({ type, linkTarget = '' }: PackEntry): string {
  if (type === 'symlink') return linkTarget;
  return type === 'hardlink' ? nameOfPath(linkTarget, false) : '';
}

/** @throws `TAR_NAME`, `TAR_LIMIT` */
function requireStorable(entry: PackEntry): void {
  const { type, path, linkTarget = '', size, uid, gid, device = NO_DEVICE } = entry;
  const fault = pathFault(path) ?? (type === 'hardlink' ? pathFault(linkTarget) : undefined);
  if (fault !== undefined) throw nameError(entry, fault);
  if (path === '' && type !== 'directory') throw nameError(entry, 'the root is a directory');
  if ((type === 'symlink' || type === 'hardlink') && linkTarget === '')
    throw nameError(entry, 'it links to nothing');
  if (linkTarget.includes('\0')) throw nameError(entry, 'its target holds a NUL byte');
  requireUpTo(entry, 'size', size, Number.MAX_SAFE_INTEGER);
  requireTime(entry, entry.mtime);
  requireTime(entry, entry.atime);
  requireTime(entry, entry.ctime);
  requireUpTo(entry, 'uid', uid, MAX_ID);
  requireUpTo(entry, 'gid', gid, MAX_ID);
  requireUpTo(entry, 'major device number', device.major, MAX_OCTAL_ID);
  requireUpTo(entry, 'minor device number', device.minor, MAX_OCTAL_ID);
}

/** @throws `TAR_LIMIT` for a time that readers would not take */
function requireTime(entry: PackEntry, time: bigint | undefined): void {
  if (time === undefined || (time < TIME_LIMIT && time > -TIME_LIMIT)) return;
  throw new ArchiveError(
    'TAR_LIMIT',
    `a time of ${printableName(entry.path)} is past 2^53 seconds: ${time}`,
    {
      entry: entry.path,
    },
  );
}

function nameError({ path }: PackEntry, fault: string): ArchiveError {
  return new ArchiveError('TAR_NAME', `"${printableName(path)}" cannot be stored: ${fault}`, { entry: path });
}

function requireUpTo({ path }: PackEntry, what: string, value: number, most: number): void {
  if (Number.isInteger(value) && value >= 0 && value <= most) return;
  throw new ArchiveError('TAR_LIMIT', `the ${what} of ${printableName(path)} is not 0 to ${most}: ${value}`, {
    entry: path,
  });
}

function isOctalTime(seconds: number): boolean {
  return seconds >= 0 && seconds <= MAX_OCTAL_TIME;
}

interface HeaderNeeds {
  /** As it stands in the header: where the file is sparse, in a folder. */
  readonly name: MemberName;
  readonly linkName: string;
  readonly size: number;
  readonly needsTime: boolean;
}

/** In GNU tar's order; it minds that a name is not ASCII, but not that a link name is not. */
function recordsOf(entry: PackEntry, { name, linkName, size, needsTime }: HeaderNeeds): (string | Buffer)[] {
  const records: (string | Buffer)[] = [];
  const add = (keyword: string, value: string | Uint8Array) => records.push(encodePaxRecord(keyword, value));
  const { uid, gid, mtime, atime, ctime, acl, defaultAcl, xattrs, fcaps } = entry;
  const isSparse = name.folder !== '';
  const nameInHeader = nameOf(name);
  if (isSparse) {
    add('GNU.sparse.major', '1');
    add('GNU.sparse.minor', '0');
    add('GNU.sparse.name', nameOfPath(entry.path, false));
    add('GNU.sparse.realsize', String(entry.size));
  }
  if (isLonger(linkName, LENGTH.linkName)) add('linkpath', linkName);
  if ((!isSparse && isLonger(nameInHeader, LENGTH.name)) || !isAscii(nameInHeader)) add('path', nameInHeader);
  if (uid > MAX_OCTAL_ID) add('uid', String(uid));
  if (gid > MAX_OCTAL_ID) add('gid', String(gid));
  if (size > MAX_OCTAL_SIZE) add('size', String(size));
  if (needsTime) add('mtime', encodeTime(mtime));
  if (atime !== undefined) add('atime', encodeTime(atime));
  if (ctime !== undefined) add('ctime', encodeTime(ctime));
  if (acl !== undefined) add('SCHILY.acl.access', formatAclText(acl));
  if (defaultAcl !== undefined) add('SCHILY.acl.default', formatAclText(defaultAcl));
  for (const [xattr, value] of xattrs ?? []) add(XATTR + encodeXattrName(xattr), value);
  if (fcaps !== undefined) add(XATTR + CAPABILITIES, fcaps);
  return records;
}

/** Whether a name takes more bytes than its field has. */
function isLonger(name: string, most: number): boolean {
  return name.length > most || (name.length * 3 > most && !isAscii(name) && encodeText(name).length > most);
}

/** @throws `TAR_LIMIT` */
function appendPaxHeader(
  out: ChunkBuffer,
  entry: PackEntry,
  records: readonly (string | Buffer)[],
  seconds: number,
): void {
  const size = records.reduce((sum, record) => sum + record.length, 0);
  requireUpTo(entry, 'size of the attributes', size, MAX_PAX_SIZE);
  beginPaxHeader(out, entry.path, size, seconds);
  for (const record of records) {
    if (typeof record === 'string') out.appendAscii(record);
    else out.append(record);
  }
  out.pad();
}

/** @param size of the records, which follow */
function beginPaxHeader(out: ChunkBuffer, path: string, size: number, seconds: number): void {
  out.paxHeader({
    path,
    isDirectory: false,
    folder: PAX_FOLDER,
    mode: PAX_MODE,
    uid: 0,
    gid: 0,
    size,
    mtime: Math.max(0, Math.min(seconds, MAX_OCTAL_TIME)),
    type: TYPE.paxHeader,
    linkName: '',
  });
}
