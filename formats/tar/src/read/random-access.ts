import {
  type Extent,
  entriesBelow,
  entryNotFound,
  impliedDirectory,
  parentOf,
  type TreeSource,
  wrongEntryKind,
} from '@vzdump-format/file-tree';
import {
  ArchiveError,
  BufferSource,
  type ByteRange,
  type ByteSource,
  type OnWarning,
  readChunks,
  readFully,
  SliceSource,
} from '@vzdump-format/streams';
import { BLOCK_SIZE, TYPE } from '../format.js';
import { isTar, typeOf } from '../header/header.js';
import { pathOfName } from '../header/names.js';
import { STEP } from '../write/boundaries.js';
import { SourceReader, skipContent, stretchOf } from './archive-reader.js';
import type { TarEntry } from './member.js';
import { GlobalsByMember, ImpliedDirectories, MemberIndex } from './member-index.js';
import { MemberReader } from './member-reader.js';
import { unpackTar } from './unpack.js';

/** Headers are read through a window of this size when all are read, and when one is. */
const SCAN_WINDOW = 64 * 1024;
const LOOK_WINDOW = 4 * 1024;

export interface OpenTarOptions {
  readonly onWarning?: OnWarning | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** An archive whose files can be read at any offset. Paths may also be as they are stored: `./etc/hosts`. */
export interface TarArchive extends TreeSource<TarEntry> {
  /** How many members it has. */
  readonly count: number;
}

/**
 * Opens an archive for random access: one pass over the headers, which skips the content. It is refused as by
 * `unpackTar`, but what stands behind its end is not looked at. Memory: 24 to 48 bytes for each member. The
 * source stays its owner's to close.
 *
 * @throws as `unpackTar`
 */
export async function openTar(archive: ByteSource, options: OpenTarOptions = {}): Promise<TarArchive> {
  const index = new MemberIndex();
  const implied = new ImpliedDirectories(index);
  const globals = new GlobalsByMember();
  const reader = new SourceReader(archive, SCAN_WINDOW);
  let members = new MemberReader(reader, options.onWarning);
  for (;;) {
    options.signal?.throwIfAborted();
    globals.add(index.count, members.globals);
    try {
      const isAtHand = reader.available > 0 || (await reader.takeAtHand()) > 0;
      const atHead = isAtHand ? undefined : await memberAtHead(archive, reader.offset);
      if (atHead !== undefined) reader.offset = atHead.contentOffset;
      const entry = atHead ?? (await members.next());
      if (entry === undefined) return new IndexedTar(archive, options, index, implied, globals);
      index.add(entry.path, entry.headerOffset);
      implied.add(entry.path);
      await skipContent(reader, entry.storedSize, entry.path);
    } catch (error) {
      if (!(error instanceof ArchiveError) || error !== reader.failure) throw error;
      const { offset } = reader;
      reader.offset = await memberBehind(archive, offset, error);
      const lost = `files whose headers stand from byte ${offset} to ${reader.offset} are not found`;
      options.onWarning?.({ code: error.code, message: `${lost}: ${error.message}` });
      members = new MemberReader(reader, options.onWarning, members.globals);
    }
  }
}

/** Bytes that are looked at: room for a header of a few records, and for that of the member. */
const HEAD_SIZE = 2048;
/** Records that tell nothing of which an index takes note. */
const TIMES_ALONE = /^(?:\d+ [amc]time=-?\d+(?:\.\d+)?\n)+\0*$/;

/**
 * A file whose headers stand where a part of the archive begins, as those of large ones do in ours: without
 * decompressing the part. Its name and size are proven by the checksum of its header. That is not enough
 * where they stand in records, which have none, and then there is no answer.
 */
async function memberAtHead(archive: ByteSource, offset: number): Promise<TarEntry | undefined> {
  if (archive.readUnproven === undefined) return undefined;
  const head = Buffer.alloc(HEAD_SIZE);
  try {
    await archive.readUnproven(head, offset);
    const reader = new SourceReader(new BufferSource(head), HEAD_SIZE);
    const entry = await new MemberReader(reader, undefined).next();
    if (entry?.storedType !== TYPE.file || entry.extents !== undefined) return undefined;
    if (typeOf(stretchOf(head)) !== TYPE.file) {
      const records = head.toString('latin1', BLOCK_SIZE, entry.contentOffset - BLOCK_SIZE);
      if (typeOf(stretchOf(head)) !== TYPE.paxHeader || !TIMES_ALONE.test(records)) return undefined;
    }
    return { ...entry, headerOffset: offset, contentOffset: offset + entry.contentOffset };
  } catch (error) {
    if (error instanceof ArchiveError) return undefined; // to read it in the ordinary way tells what it is
    throw error;
  }
}

/**
 * Where a member begins behind a part of the archive that is damaged, with the part that follows. Parts that
 * were cut by their size alone are passed over: content at which they begin may look like a member.
 * @throws `damage` when there is none, or when the archive has no parts
 */
async function memberBehind(archive: ByteSource, offset: number, damage: ArchiveError): Promise<number> {
  if (archive.partAt === undefined) throw damage;
  const block = Buffer.alloc(BLOCK_SIZE);
  for (let part = archive.partAt(offset); part.end < archive.size; ) {
    const next = archive.partAt(part.end);
    const size = part.end - part.start;
    if (size < STEP && size !== next.end - next.start && next.start % BLOCK_SIZE === 0) {
      const got = await archive.read(block, next.start).catch(noneOfDamage);
      if (got === BLOCK_SIZE && isTar(block)) return next.start;
    }
    part = next;
  }
  throw damage;
}

class IndexedTar implements TarArchive {
  readonly access = 'random';

  constructor(
    private readonly archive: ByteSource,
    private readonly options: OpenTarOptions,
    private readonly index: MemberIndex,
    private readonly implied: ImpliedDirectories,
    private readonly globals: GlobalsByMember,
  ) {}

  get count(): number {
    return this.index.count;
  }

  async stat(path: string): Promise<TarEntry | undefined> {
    const wanted = pathOfName(path);
    const found = await this.findBefore(wanted, this.index.count);
    return found?.entry ?? (this.implied.has(wanted) ? impliedMember(wanted) : undefined);
  }

  async *list(path: string): AsyncGenerator<TarEntry> {
    const directory = pathOfName(path);
    const entry = await this.stat(directory);
    if (entry === undefined) throw entryNotFound(path);
    if (entry.type !== 'directory') throw wrongEntryKind('directory', entry, entry.headerOffset);
    const last = new Map<string, TarEntry>();
    for (const implied of this.implied.in(directory)) last.set(implied, impliedMember(implied));
    const reader = new SourceReader(this.archive, SCAN_WINDOW);
    for (const member of this.index.candidatesIn(directory)) {
      this.options.signal?.throwIfAborted();
      const child = await this.entryOf(member, reader);
      if (child.path !== '' && parentOf(child.path) === directory) last.set(child.path, child);
    }
    yield* last.values();
  }

  /** As in the archive: every member, also those of a path that comes again. */
  entries(path = ''): AsyncIterable<TarEntry> {
    const { onWarning: _, ...options } = this.options; // they were given when it was opened
    const wanted = pathOfName(path);
    if (wanted !== '') return entriesBelow(wanted, this.members());
    if (this.archive.readAtHand !== undefined) return this.members();
    return unpackTar(readChunks(this.archive, options), options);
  }

  /** All of them, of which nothing is read but the headers until their contents are asked for. */
  private async *members(): AsyncGenerator<TarEntry> {
    const { signal } = this.options;
    const reader = new SourceReader(this.archive, SCAN_WINDOW);
    for (let member = 0; member < this.index.count; member++) {
      signal?.throwIfAborted();
      const entry = await this.entryOf(member, reader);
      yield entry.type === 'file'
        ? { ...entry, content: readChunks(this.storedContentOf(entry), { signal }) }
        : entry;
    }
  }

  async open(path: string): Promise<ByteSource> {
    const asked = pathOfName(path);
    let before = this.index.count;
    for (let wanted = asked; ; ) {
      const found = await this.findBefore(wanted, before);
      if (found === undefined) {
        if (wanted === asked && this.implied.has(asked)) throw wrongEntryKind('file', impliedMember(asked));
        throw entryNotFound(wanted, asked);
      }
      const { entry, member } = found;
      if (entry.type === 'file') return this.contentOf(entry);
      if (entry.type !== 'hardlink') throw wrongEntryKind('file', entry, entry.headerOffset);
      wanted = entry.linkTarget!; // names a member before it, so that this comes to an end
      before = member;
    }
  }

  private contentOf(entry: TarEntry): ByteSource {
    const stored = this.storedContentOf(entry);
    return entry.extents === undefined ? stored : new SparseSource(stored, entry.extents, entry.size);
  }

  private storedContentOf({ contentOffset, storedSize }: TarEntry): ByteSource {
    return new SliceSource(this.archive, contentOffset, storedSize);
  }

  private async findBefore(
    path: string,
    before: number,
  ): Promise<{ readonly entry: TarEntry; readonly member: number } | undefined> {
    const reader = new SourceReader(this.archive, LOOK_WINDOW);
    for (const member of this.index.candidates(path)) {
      if (member >= before) continue;
      const entry = await this.entryOf(member, reader);
      if (entry.path === path) return { entry, member };
    }
    return undefined;
  }

  private async entryOf(member: number, reader: SourceReader): Promise<TarEntry> {
    reader.offset = this.index.offsetOf(member);
    const entry = await new MemberReader(reader, undefined, this.globals.of(member)).next();
    if (entry === undefined) throw changed(this.index.offsetOf(member));
    return entry;
  }
}

/** A sparse file as it was, from the data of its extents, one behind the other. */
class SparseSource implements ByteSource {
  /** Where in the stored data each extent begins. */
  private readonly starts: Float64Array;

  constructor(
    private readonly stored: ByteSource,
    private readonly extents: readonly Extent[],
    readonly size: number,
  ) {
    this.starts = new Float64Array(extents.length);
    for (let index = 1; index < extents.length; index++) {
      this.starts[index] = this.starts[index - 1]! + extents[index - 1]!.length;
    }
  }

  async read(buffer: Uint8Array, offset: number): Promise<number> {
    const length = Math.max(0, Math.min(buffer.length, this.size - offset));
    const end = offset + length;
    let at = offset;
    for (let index = this.extentAfter(offset); at < end; index++) {
      const extent = this.extents[index] ?? { offset: end, length: 0 };
      const dataStart = Math.max(at, Math.min(extent.offset, end));
      buffer.fill(0, at - offset, dataStart - offset);
      const dataEnd = Math.max(dataStart, Math.min(extent.offset + extent.length, end));
      const part = buffer.subarray(dataStart - offset, dataEnd - offset);
      if (part.length > 0)
        await readFully(this.stored, part, this.starts[index]! + dataStart - extent.offset);
      at = dataEnd;
    }
    return length;
  }

  async nextData(offset: number): Promise<ByteRange | undefined> {
    const extent = this.extents[this.extentAfter(offset)];
    if (extent === undefined) return undefined;
    return { start: Math.max(offset, extent.offset), end: extent.offset + extent.length };
  }

  async close(): Promise<void> {}

  /** The first extent that ends behind `offset`. */
  private extentAfter(offset: number): number {
    let low = 0;
    let high = this.extents.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const { offset: start, length } = this.extents[middle]!;
      if (start + length <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function impliedMember(path: string): TarEntry {
  const storedName = path === '' ? './' : `./${path}/`;
  return {
    ...impliedDirectory(path),
    ...{ storedName, storedLinkName: '', storedType: TYPE.directory, storedMode: 0o755 },
    ...{ userName: '', groupName: '', headerOffset: 0, contentOffset: 0, storedSize: 0 },
  };
}

function changed(offset: number): ArchiveError {
  return new ArchiveError('TAR_CHANGED', 'the archive changed while it was open', { offset });
}

function noneOfDamage(error: unknown): number {
  if (error instanceof ArchiveError) return 0;
  throw error;
}
