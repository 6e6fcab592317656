import { printableName } from '@vzdump-format/posix';
import { ArchiveError, allZero, type OnWarning, type Pulled } from '@vzdump-format/streams';
import { BLOCK_SIZE, MAX_NAME_SIZE, MAX_PAX_SIZE, TYPE, wholeBlocks } from '../format.js';
import { decodeHeader, decodeSize, hasChecksum, sumOfBytes, typeOf } from '../header/header.js';
import { decodeField } from '../header/names.js';
import { decodePax, multiVolume, type PaxAttributes, type PaxSparse } from '../pax/pax-attributes.js';
import { readSparseMap } from '../sparse.js';
import {
  type ArchiveReader,
  Cursor,
  type Stretch,
  skipContent,
  takeWhole,
  truncated,
} from './archive-reader.js';
import { entryOf, type MemberEntry } from './member.js';

const NONE: PaxAttributes = {};

/** What headers tell of the member behind them. */
interface Preamble {
  readonly start: number;
  pax: PaxAttributes | undefined;
  longName: string | undefined;
  longLink: string | undefined;
}

/** A header of those. */
class PreambleHeader {
  constructor(
    readonly type: string,
    readonly size: number,
    readonly offset: number,
  ) {}

  get storedSize(): number {
    return wholeBlocks(this.size);
  }
}

/**
 * Reads members' headers, one after the other. Whoever asks for the next one has read or skipped the content.
 */
export class MemberReader {
  /** Those that global pax headers have told so far. Is never changed, but replaced. */
  globals: PaxAttributes;
  private readonly cursor: Cursor;
  private readonly warnings: Warnings;
  private readonly onUnknownRecord = (keyword: string, offset: number) => this.warnOfRecord(keyword, offset);

  constructor(
    private readonly reader: ArchiveReader,
    onWarning: OnWarning | undefined,
    globals = NONE,
  ) {
    this.cursor = new Cursor(reader);
    this.warnings = new Warnings(onWarning);
    this.globals = globals;
  }

  /**
   * The next member, without its content, at which the reader then stands; `undefined` behind the last, when
   * the mark of the archive's end has been read.
   */
  next(): Pulled<MemberEntry> {
    const { cursor } = this;
    const start = this.reader.offset;
    const preamble: Preamble = { start, pax: undefined, longName: undefined, longLink: undefined };
    while (cursor.take(BLOCK_SIZE)) {
      const read = this.readBlock(preamble);
      if (!(read instanceof PreambleHeader)) return read;
      if (!cursor.take(read.storedSize)) return this.readOn(preamble, read);
      this.addToPreamble(preamble, read);
    }
    return this.readOn(preamble);
  }

  /** Goes on where not all is at hand. @param unread a header whose content has to be read first */
  private async readOn(preamble: Preamble, unread?: PreambleHeader): Promise<MemberEntry | undefined> {
    const { cursor } = this;
    for (let header = unread; ; ) {
      if (header !== undefined) {
        await takeWhole(cursor, header.storedSize);
        this.addToPreamble(preamble, header);
      }
      if (!cursor.take(BLOCK_SIZE)) {
        const got = await cursor.gather(BLOCK_SIZE);
        if (got < BLOCK_SIZE) throw endsWithoutMark(got, cursor.offset);
      }
      const read = this.readBlock(preamble);
      if (!(read instanceof PreambleHeader)) return read;
      header = read;
    }
  }

  /** What the block is that the cursor holds: of a member, the end, or one that tells of what follows. */
  private readBlock(preamble: Preamble): Pulled<MemberEntry> | PreambleHeader {
    const { cursor } = this;
    const sum = sumOfBytes(cursor.words, cursor.at);
    if (sum === 0) return this.readEnd(preamble);
    if (!hasChecksum(cursor, sum)) throw notAHeader(cursor.offset);
    const type = typeOf(cursor);
    const { offset } = cursor;
    if (type === TYPE.multiVolume) throw multiVolume(offset);
    const mostContent = PREAMBLE_LIMITS.get(type);
    if (mostContent === undefined) return this.readMember(preamble);
    return new PreambleHeader(type, checkedSize(decodeSize(cursor), mostContent, offset), offset);
  }

  /** The cursor holds the header's content. */
  private addToPreamble(preamble: Preamble, { type, size, offset }: PreambleHeader): void {
    const { cursor, onUnknownRecord: onUnknown } = this;
    switch (type) {
      case TYPE.volumeLabel:
        return;
      case TYPE.gnuLongName:
        if (preamble.longName !== undefined) throw twice('long name', offset);
        preamble.longName = decodeLongName(cursor, size, offset);
        return;
      case TYPE.gnuLongLink:
        if (preamble.longLink !== undefined) throw twice('long link name', offset);
        preamble.longLink = decodeLongName(cursor, size, offset);
        return;
      case TYPE.paxGlobal:
        this.globals = { ...this.globals };
        decodePax(cursor, size, this.globals, { isGlobal: true, onUnknown });
        return;
      default:
        if (preamble.pax !== undefined) throw twice('pax header', offset);
        preamble.pax = {};
        decodePax(cursor, size, preamble.pax, { isGlobal: false, onUnknown });
    }
  }

  /** The member whose header the cursor holds. */
  private readMember(preamble: Preamble): MemberEntry | Promise<MemberEntry> {
    const { cursor, globals } = this;
    const { start, pax = NONE, longName, longLink } = preamble;
    const { offset } = cursor;
    const entry = entryOf({ header: decodeHeader(cursor), offset, start, pax, globals, longName, longLink });
    entry.contentOffset = this.reader.offset;
    this.warnOfMember(entry, pax, offset);
    if (entry.storedType === TYPE.dumpDirectory) return this.skipDump(entry);
    if (entry.storedType === TYPE.gnuSparse || pax.sparse !== undefined)
      return this.readSparse(entry, pax.sparse);
    return entry;
  }

  private async skipDump(entry: MemberEntry): Promise<MemberEntry> {
    await skipContent(this.reader, entry.storedSize, entry.path);
    entry.contentOffset = this.reader.offset;
    entry.storedSize = 0;
    return entry;
  }

  private async readSparse(entry: MemberEntry, sparse: PaxSparse | undefined): Promise<MemberEntry> {
    const file = await readSparseMap({ entry, block: this.cursor, sparse, offset: this.cursor.offset });
    entry.size = file.size;
    entry.extents = file.extents;
    entry.storedSize = file.dataSize;
    entry.contentOffset = this.reader.offset;
    return entry;
  }

  /** The cursor holds a block of zeros. @throws `TAR_ZERO_BLOCK`, `TAR_HEADER_ORDER`, `TAR_TRUNCATED` */
  private async readEnd(preamble: Preamble): Promise<undefined> {
    const { cursor } = this;
    const { offset } = cursor;
    const { pax, longName, longLink } = preamble;
    if (pax !== undefined || longName !== undefined || longLink !== undefined) {
      throw new ArchiveError('TAR_HEADER_ORDER', 'the archive ends behind the header of a member to come', {
        offset,
      });
    }
    const got = await cursor.gather(BLOCK_SIZE);
    if (got === 0) {
      this.warnings.once('TAR_END', 'the archive ends in one block of zeros instead of two', { offset });
    } else if (got < BLOCK_SIZE) {
      throw truncated('inside the mark of its end', cursor.offset + got);
    } else if (sumOfBytes(cursor.words, cursor.at) !== 0) {
      throw new ArchiveError('TAR_ZERO_BLOCK', 'a block of zeros stands between members', {
        offset,
        hint: 'the archive is damaged: GNU tar would leave out, without an error, what follows',
      });
    }
    return undefined;
  }

  private warnOfMember(entry: MemberEntry, pax: PaxAttributes, offset: number): void {
    const { storedType, path } = entry;
    if (storedType === TYPE.dumpDirectory || pax.isDumpDirectory) {
      const message =
        'the archive is an incremental one: its lists of what was in a directory are passed over';
      this.warnings.once('TAR_INCREMENTAL', message, { offset, entry: path });
    } else if (!KNOWN_TYPES.has(storedType)) {
      const message = `${printableName(path)} is of a type that is not known, '${printableName(storedType)}': taken for a file`;
      this.warnings.once('TAR_UNKNOWN_TYPE', message, { offset, entry: path }, storedType);
    }
  }

  private warnOfRecord(keyword: string, offset: number): void {
    const message = `pax records of a kind that is not known are passed over: ${printableName(keyword)}`;
    this.warnings.once('TAR_UNKNOWN_RECORD', message, { offset }, keyword);
  }
}

const KNOWN_TYPES: ReadonlySet<string> = new Set(Object.values(TYPE));
/** Types of headers that tell of what follows, and the most that each may have as content. */
const PREAMBLE_LIMITS: ReadonlyMap<string, number> = new Map([
  [TYPE.gnuLongLink, MAX_NAME_SIZE],
  [TYPE.gnuLongName, MAX_NAME_SIZE],
  [TYPE.paxGlobal, MAX_PAX_SIZE],
  [TYPE.paxHeader, MAX_PAX_SIZE],
  [TYPE.paxHeaderOfSolaris, MAX_PAX_SIZE],
  [TYPE.volumeLabel, MAX_NAME_SIZE],
]);

/** @throws `TAR_NAME` */
function decodeLongName({ bytes, at }: Stretch, size: number, offset: number): string {
  const end = bytes.indexOf(0, at);
  const isPadded = end < 0 || end >= at + size || allZero(bytes.subarray(end, at + size));
  if (!isPadded) throw new ArchiveError('TAR_NAME', 'a long name goes on behind a NUL byte', { offset });
  return decodeField(bytes, at, size);
}

/** @throws `TAR_SIZE`, `TAR_LIMIT` */
function checkedSize(size: number, most: number, offset: number): number {
  if (size < 0) throw new ArchiveError('TAR_SIZE', `a header has a negative size: ${size}`, { offset });
  if (size <= most) return size;
  throw new ArchiveError('TAR_LIMIT', `a header of ${size} bytes for one member: at most ${most} are read`, {
    offset,
  });
}

function twice(what: string, offset: number): ArchiveError {
  return new ArchiveError('TAR_HEADER_ORDER', `a member has a ${what} twice`, {
    offset,
    hint: 'tools disagree on which to take: ask who made the archive',
  });
}

function notAHeader(offset: number): ArchiveError {
  if (offset === 0) {
    return new ArchiveError('TAR_MAGIC', 'not a tar archive: it does not begin with a header', {
      offset,
      hint: 'is it compressed, or another format?',
    });
  }
  return new ArchiveError('TAR_CHECKSUM', 'no header where one must be, or a damaged one', {
    offset,
    hint: 'the archive is damaged: look for another copy',
  });
}

/** @param rest bytes that are there of the next block */
function endsWithoutMark(rest: number, offset: number): ArchiveError {
  if (offset + rest === 0) return truncated('before it begins: it is empty', 0);
  return truncated(rest === 0 ? 'without the mark of its end' : 'inside a block', offset + rest);
}

/** Of one code: what an archive's author chooses must not fill memory. */
const MOST_KINDS = 100;

/** Tells of each kind of thing once, where the first of it stands: an archive may have a million. */
export class Warnings {
  private readonly toldOf = new Map<string, Set<string>>();

  constructor(private readonly onWarning: OnWarning | undefined) {}

  /** @param kind what is told once, where there are several of a code */
  once(
    code: string,
    message: string,
    whereabouts: { offset?: number; entry?: string },
    kind: string = '',
  ): void {
    const told = this.toldOf.get(code) ?? new Set();
    if (told.has(kind) || told.size >= MOST_KINDS) return;
    this.toldOf.set(code, told.add(kind));
    this.onWarning?.({ code, message, ...whereabouts });
  }
}
