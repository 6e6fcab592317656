import {
  ByteReader,
  type OnBoundary,
  type OnWarning,
  type Pulled,
  PullIterator,
  type PullSource,
} from '@vzdump-format/streams';
import type { TarEntry } from '../entry.js';
import { wholeBlocks } from '../format.js';
import { BoundaryMarks } from '../write/boundaries.js';
import { StoredContent } from '../write/content.js';
import { isZeros } from '../zeros.js';
import { Cursor, takeWhole } from './archive-reader.js';
import type { MemberEntry } from './member.js';
import { MemberReader } from './member-reader.js';

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
  archive: AsyncIterable<Uint8Array>,
  options: UnpackTarOptions = {},
): PullIterator<TarEntry> {
  return unpackMembers(archive, options);
}

/** Told of the bytes between a file's content and the next block. */
type OnPadding = (padding: Uint8Array, entry: TarEntry) => void;

/** As `unpackTar`. */
export function unpackMembers(
  archive: AsyncIterable<Uint8Array>,
  options: UnpackTarOptions,
  onPadding?: OnPadding,
): PullIterator<TarEntry> {
  return new PullIterator(new Members(archive, options, onPadding));
}

class Members implements PullSource<TarEntry> {
  private readonly reader: ByteReader;
  private readonly members: MemberReader;
  private readonly content: Cursor;
  private readonly marks: BoundaryMarks;
  /** The entry before, when its content is long. */
  private large: { readonly entry: TarEntry; readonly content: StoredContent } | undefined;

  constructor(
    archive: AsyncIterable<Uint8Array>,
    private readonly options: UnpackTarOptions,
    private readonly onPadding: OnPadding | undefined,
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
    if (isTold || isZeros(chunk)) continue;
    isTold = true;
    onWarning?.({
      code: 'TAR_TRAILING_DATA',
      message: 'there is something behind the end of the archive; it is passed over',
      offset: reader.offset - chunk.length,
      hint: 'joined archives must be taken apart; every tool reads the first of them alone',
    });
  }
}
