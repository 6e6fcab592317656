import type { Duplex } from 'node:stream';
import type { TransformStream } from 'node:stream/web';
import { ContentProgress, type TreeSummary } from '@vzdump-format/file-tree';
import { offerRanges, printableName } from '@vzdump-format/posix';
import {
  ArchiveError,
  allZero,
  ByteReader,
  type ChunksInPieces,
  chunksOf,
  type Items,
  type OnBoundary,
  type OnProgress,
  type OnWarning,
  type Piece,
  type Pulled,
  PullIterator,
  type PullSource,
  toTransformStream,
  toUnpackingDuplex,
} from '@vzdump-format/streams';
import { wholeBlocks } from '../format.js';
import { BoundaryMarks } from '../write/boundaries.js';
import { Cursor, isUnexpectedEnd, takeWhole, truncated } from './archive-reader.js';
import type { MemberEntry, TarEntry } from './member.js';
import { pathHash } from './member-index.js';
import { MemberReader, Warnings } from './member-reader.js';

/** Content up to this size is had at once. */
const WHOLE_CONTENT = 256 * 1024;

export interface UnpackTarOptions {
  readonly onBoundary?: OnBoundary | undefined;
  readonly onWarning?: OnWarning | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Takes an archive apart, in one pass and a few chunks of memory. It ends without an error only if the
 * archive is whole; what stands behind its end is read, too, and warned of unless it is zeros.
 *
 * The content of a small file is a view of the archive's chunk, valid until the next entry is asked for; that
 * of a large one can be iterated until then. What is not read is skipped.
 *
 * @throws ArchiveError with a code of `TAR_…`, see the format's README
 */
export function unpackTar(
  archive: Items<Uint8Array>,
  options: UnpackTarOptions = {},
): PullIterator<TarEntry> {
  return new PullIterator(new Members(archive, options));
}

/** Told of the bytes between a file's content and the next block. */
type OnPadding = (padding: Uint8Array, entry: TarEntry) => void;

class Members implements PullSource<TarEntry> {
  private readonly reader: ByteReader;
  private readonly members: MemberReader;
  private readonly content: Cursor;
  private readonly marks: BoundaryMarks;
  /** The entry before, when its content is long. */
  private large: { readonly entry: TarEntry; readonly content: StoredContent } | undefined;

  constructor(
    archive: Items<Uint8Array>,
    private readonly options: UnpackTarOptions,
    private readonly onPadding?: OnPadding | undefined,
  ) {
    this.reader = new ByteReader(archive, options.signal);
    this.members = new MemberReader(this.reader, options.onWarning);
    this.content = new Cursor(this.reader);
    this.marks = new BoundaryMarks(options.onBoundary);
  }

  pull(): Pulled<TarEntry> {
    this.options.signal?.throwIfAborted();
    if (this.large !== undefined) return this.pullBehind(this.large);
    const entry = this.members.next();
    return entry instanceof Promise ? entry.then((read) => this.withContent(read)) : this.withContent(entry);
  }

  close(): Promise<void> {
    return this.reader.close();
  }

  private async pullBehind({ entry, content }: NonNullable<Members['large']>): Promise<TarEntry | undefined> {
    this.large = undefined;
    const isProven = this.onPadding !== undefined || this.options.onBoundary !== undefined;
    const padding = await content.finish(!isProven);
    this.onPadding?.(padding, entry);
    return this.pull();
  }

  private withContent(entry: MemberEntry | undefined): Pulled<TarEntry> {
    const { reader, marks, content } = this;
    const { onWarning, signal } = this.options;
    if (entry === undefined) return readBehindEnd(reader, onWarning, signal).then(() => undefined);
    marks.member(entry);
    if (entry.type !== 'file') return entry;
    if (entry.storedSize > WHOLE_CONTENT) {
      const large = new StoredContent(reader, entry, marks, signal);
      this.large = { entry, content: large };
      entry.content = large;
      return entry;
    }
    const stored = wholeBlocks(entry.storedSize);
    if (content.take(stored)) return this.withTaken(entry, stored);
    return takeWhole(content, stored, entry.path).then(() => this.withTaken(entry, stored));
  }

  /** The content, and the padding behind it, have been taken. */
  private withTaken(entry: MemberEntry, stored: number): TarEntry {
    const { bytes, at } = this.content;
    const end = at + entry.storedSize;
    entry.content = bytes.subarray(at, end);
    this.onPadding?.(bytes.subarray(end, at + stored), entry);
    return entry;
  }
}

/** Reads what is behind the end, so that a codec gets to its own end, where its checksum is. */
async function readBehindEnd(reader: ByteReader, onWarning?: OnWarning, signal?: AbortSignal): Promise<void> {
  let isTold = false;
  for await (const chunk of reader.rest()) {
    signal?.throwIfAborted();
    if (isTold || allZero(chunk)) continue;
    isTold = true;
    onWarning?.({
      code: 'TAR_TRAILING_DATA',
      message: 'there is something behind the end of the archive; it is passed over',
      offset: reader.offset - chunk.length,
      hint: 'joined archives must be taken apart; every tool reads the first of them alone',
    });
  }
}

/** Less is not worth what has been read ahead in vain then. */
const LEAST_COPIED = 8 << 20;

/** The content of a member, too long to be had at once; what is not read of it is skipped. */
class StoredContent implements ChunksInPieces {
  private left: number;
  private isPast = false;
  private isOffered = false;

  constructor(
    private readonly reader: ByteReader,
    private readonly entry: TarEntry,
    private readonly marks: BoundaryMarks,
    private readonly signal: AbortSignal | undefined,
  ) {
    this.left = entry.storedSize;
  }

  /** What is left of it, in the archive's own chunks. @throws `TAR_TRUNCATED` */
  [Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    return chunksOf(this.pieces());
  }

  /**
   * The same; what has not been read of an archive that is a file is offered once, to be copied from there.
   */
  async *pieces(): AsyncGenerator<Piece> {
    const { reader } = this;
    for (;;) {
      this.requirePresent();
      if (this.left === 0) return;
      const isOffered = this.isOffered || reader.available > 0 || this.left < LEAST_COPIED;
      const place = isOffered ? undefined : reader.placeInFile;
      if (place === undefined) {
        yield await this.read(this.left);
        continue;
      }
      this.isOffered = true;
      const copied = yield* offerRanges(place.fd, place.offset, this.left);
      this.requirePresent();
      if (copied === 0) continue;
      await reader.skipUnread(copied);
      this.left -= copied;
    }
  }

  /**
   * Skips what is left. @returns the padding behind it. @throws `TAR_TRUNCATED`
   * @param unread whether it need not be read, of an archive at rest
   */
  async finish(unread: boolean): Promise<Uint8Array> {
    this.isPast = true;
    if (unread) this.left -= await this.reader.passOver(this.left);
    while (this.left > 0) await this.read(this.left);
    const { reader, entry } = this;
    const size = wholeBlocks(entry.storedSize) - entry.storedSize;
    const padding = await reader.readUpTo(size);
    if (padding.length < size) throw truncated('inside a member', reader.offset, entry.path);
    return padding;
  }

  private requirePresent(): void {
    if (this.isPast) throw new Error('the content of a member can be read until the next one is asked for');
  }

  private async read(most: number): Promise<Uint8Array> {
    this.signal?.throwIfAborted();
    const { reader, entry } = this;
    const bytes = await reader.readSome(most).catch((error: unknown) => {
      throw isUnexpectedEnd(error) ? truncated('inside a member', reader.offset, entry.path) : error;
    });
    this.left -= bytes.length;
    this.marks.content(reader.offset - bytes.length, bytes.length);
    return bytes;
  }
}

/**
 * `unpackTar` as a Duplex: bytes in, entries out. A Duplex asks ahead, so the next entry comes only when the
 * content of the one before was iterated, be it to its first chunk; a small content, which is bytes, may be
 * left.
 */
export function createUnpackTar(options: UnpackTarOptions = {}): Duplex {
  return toUnpackingDuplex((archive) => waitingForContent(unpackTar(archive, options)), options.signal);
}

/** As `createUnpackTar`, for web streams. */
export function webUnpackTar(options: UnpackTarOptions = {}): TransformStream<Uint8Array, TarEntry> {
  const unpack = (archive: Items<Uint8Array>) => waitingForContent(unpackTar(archive, options));
  return toTransformStream(unpack, options.signal);
}

async function* waitingForContent(entries: AsyncIterable<TarEntry>): AsyncGenerator<TarEntry> {
  for await (const entry of entries) {
    const { content } = entry;
    if (content === undefined || content instanceof Uint8Array) {
      yield entry;
    } else {
      let tellEnd = (): void => {};
      const end = new Promise<void>((resolve) => {
        tellEnd = resolve;
      });
      yield { ...entry, content: tellingEnd(content, tellEnd) };
      await end;
    }
  }
}

async function* tellingEnd(content: Items<Uint8Array>, tellEnd: () => void): AsyncGenerator<Uint8Array> {
  try {
    yield* content;
  } finally {
    tellEnd();
  }
}

export interface VerifyTarOptions extends UnpackTarOptions {
  readonly onProgress?: OnProgress | undefined;
}

/**
 * Reads a whole archive and proves what can be proven: the checksum of every header, all its numbers and
 * records, maps of sparse files, that names are names, that hardlinks name what came before, the mark of the
 * end. The content of files has no checksum in this format. What is not zero where zeros must stand between
 * members is a warning.
 *
 * @throws as `unpackTar`, and `TAR_LINK_TARGET`: the first thing that is wrong
 */
export async function verifyTar(
  archive: Items<Uint8Array>,
  options: VerifyTarOptions = {},
): Promise<TreeSummary> {
  const warnings = new Warnings(options.onWarning);
  const seen = new SeenPaths();
  const progress = new ContentProgress(options.onProgress);
  const checkPadding = (padding: Uint8Array, { path }: TarEntry) => {
    if (allZero(padding)) return;
    warnings.once('TAR_PADDING', 'behind the content of a file there is something else than zeros', {
      entry: path,
    });
  };
  const members = new PullIterator(new Members(archive, options, checkPadding));
  for await (const entry of progress.watch(members)) {
    if (entry.type === 'hardlink') requireTarget(entry, seen);
    if (entry.type !== 'directory') seen.add(entry.path);
    if (entry.content !== undefined && !(entry.content instanceof Uint8Array)) await readAll(entry.content);
  }
  return progress.summary;
}

/** Only to tell how far it is: what is not read is passed over by the next entry. */
async function readAll(content: Items<Uint8Array>): Promise<void> {
  for await (const _ of content);
}

function requireTarget({ path, linkTarget, headerOffset }: TarEntry, seen: SeenPaths): void {
  if (seen.has(linkTarget!)) return;
  const message = `${printableName(path)} is a hardlink to what did not come before: ${printableName(linkTarget!)}`;
  throw new ArchiveError('TAR_LINK_TARGET', message, {
    offset: headerOffset,
    entry: path,
    hint: 'tar cannot restore it',
  });
}

/** How many bits of a hash are used. */
const HASH_BITS = 24;

/**
 * A bit for each hash, 2 MiB in all: among 100,000 paths, one in 170 that are not there is taken for one that
 * is; the other way round never.
 */
class SeenPaths {
  private readonly bits = new Uint8Array(2 ** HASH_BITS / 8);

  add(path: string): void {
    const hash = pathHash(path) >>> (32 - HASH_BITS);
    this.bits[hash >>> 3]! |= 1 << (hash & 7);
  }

  has(path: string): boolean {
    const hash = pathHash(path) >>> (32 - HASH_BITS);
    return (this.bits[hash >>> 3]! & (1 << (hash & 7))) !== 0;
  }
}
