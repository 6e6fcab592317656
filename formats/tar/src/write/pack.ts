import type { Duplex } from 'node:stream';
import type { TransformStream } from 'node:stream/web';
import { type Content, CountedWarnings, type FileEntry, requireEntry } from '@vzdump-format/file-tree';
import { printableName } from '@vzdump-format/posix';
import {
  ArchiveError,
  ClaimedSource,
  chunksOf,
  type FileRange,
  type Items,
  isFileRange,
  type OnBoundary,
  type OnProgress,
  type OnWarning,
  type Piece,
  PullIterator,
  piecesOf,
  runStage,
  toPackingDuplex,
  toTransformStream,
} from '@vzdump-format/streams';
import { END_BLOCKS, RECORD_SIZE } from '../format.js';
import { type SparseLayout, sparseLayoutOf, withZeros } from '../sparse.js';
import { BoundaryMarks } from './boundaries.js';
import { ChunkBuffer } from './chunk-buffer.js';
import { appendHeaders, type PackEntry } from './member-headers.js';

/** Content that is one array is gathered without waiting up to here. */
const GATHERED_AT_ONCE = 64 * 1024;
const BLOB_MODE = 0o644;
const NO_CONTENT = new Uint8Array(0);

/** A file of root's that vzdump puts into an archive, as `etc/vzdump/pct.conf`. */
export interface TarBlob {
  /** As `FileEntry.path`. */
  readonly path: string;
  readonly data: Uint8Array;
  /** 0644 unless given. */
  readonly mode?: number | undefined;
  /** In nanoseconds since the epoch; now unless given. */
  readonly mtime?: bigint | undefined;
}

export interface PackTarOptions {
  /** What comes before all else: the guest's configuration and firewall rules. */
  readonly first?: readonly TarBlob[] | undefined;
  readonly onProgress?: OnProgress | undefined;
  readonly onBoundary?: OnBoundary | undefined;
  readonly onWarning?: OnWarning | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Packs entries in their order into an archive as vzdump's GNU tar makes it: ustar headers, pax records where
 * they are needed, sparse files in the form 1.0, names with `./`, numeric owners, records of 10240 bytes. The
 * same entries give the same bytes. Sockets, which tar cannot hold, and links to them are left out with a
 * warning.
 *
 * Content that comes in chunks is passed on without a copy, and with the ranges of files that it comes with
 * (see `piecesOf`). A chunk is valid until the next but one is asked for, if those of the contents are.
 *
 * @throws `ENTRY_FIELD` for an entry that is none, `TAR_NAME` for what is no path inside a tree, `TAR_LIMIT`
 * for a number that does not fit,
 * `TAR_SPARSE_MAP` for impossible extents, `TAR_CONTENT_SIZE` when content has another length than its entry
 * says
 */
export function packTar(entries: Items<PackEntry>, options: PackTarOptions = {}): AsyncGenerator<Uint8Array> {
  const sequence = PullIterator.of(entries, options.signal);
  return chunksOf(runStage(sequence, () => packAll(sequence, options), options.signal));
}

async function* packAll(entries: PullIterator<PackEntry>, options: PackTarOptions): AsyncGenerator<Piece> {
  const packing = new Packing(options);
  yield* packing.members(PullIterator.of((options.first ?? []).map(entryOfBlob)));
  yield* packing.members(entries);
  yield* packing.end();
}

/** As `packTar`, a Duplex: entries in, in object mode, and bytes of the archive out, in byte mode. */
export function createPackTar(options: PackTarOptions = {}): Duplex {
  return toPackingDuplex((entries: Items<PackEntry>) => packTar(entries, options), options.signal);
}

/** As `createPackTar`, for web streams. */
export function webPackTar(options: PackTarOptions = {}): TransformStream<PackEntry, Uint8Array> {
  return toTransformStream((entries: Items<PackEntry>) => packTar(entries, options), options.signal);
}

function entryOfBlob({ path, data, mode = BLOB_MODE, mtime = now() }: TarBlob): PackEntry {
  return { path, type: 'file', mode, uid: 0, gid: 0, mtime, size: data.length, content: data };
}

function now(): bigint {
  return BigInt(Date.now()) * 1_000_000n;
}

/** An archive that is being packed. */
class Packing {
  private readonly out = new ChunkBuffer();
  private readonly marks: BoundaryMarks;
  private readonly leftOut: LeftOut;
  private bytes = 0;

  constructor(private readonly options: PackTarOptions) {
    this.marks = new BoundaryMarks(options.onBoundary);
    this.leftOut = new LeftOut(options.onWarning);
  }

  async *members(sequence: PullIterator<PackEntry>): AsyncGenerator<Piece> {
    const { out, leftOut } = this;
    const { onProgress, signal } = this.options;
    signal?.throwIfAborted();
    for await (const run of sequence.runs()) {
      for (const entry of run) {
        signal?.throwIfAborted();
        requireEntry(entry);
        if (leftOut.leavesOut(entry)) continue;
        const layout = sparseLayoutOf(entry);
        this.appendHeaders(entry, layout);
        if (entry.type === 'file') {
          if (isSmall(entry.content) && layout === undefined) this.appendContent(entry.content, entry);
          else yield* this.passOn(contentOf(entry, layout), entry, dataSizeOf(entry, layout));
        }
        out.pad();
        if (out.isFull) yield* this.chunks();
        this.bytes += entry.size;
        onProgress?.(this.bytes);
      }
    }
  }

  /** The mark of the end, up to a whole record. */
  async *end(): AsyncGenerator<Uint8Array> {
    const { out, leftOut } = this;
    leftOut.finish();
    for (let blocks = 0; blocks < END_BLOCKS || out.offset % RECORD_SIZE !== 0; blocks++) out.zeroBlock();
    out.flush();
    yield* this.chunks();
  }

  private appendHeaders(entry: PackEntry, layout: SparseLayout | undefined): void {
    const { out, marks } = this;
    const headerOffset = out.offset;
    appendHeaders(out, entry, layout);
    const storedSize = dataSizeOf(entry, layout);
    marks.member({ path: entry.path, headerOffset, contentOffset: out.offset, storedSize });
  }

  private appendContent(content: Uint8Array, entry: PackEntry): void {
    if (content.length !== entry.size) throw contentSizeError(entry, entry.size, `${content.length}`);
    this.out.append(content);
  }

  /** @param size what the content must come to */
  private async *passOn(content: Items<Piece>, entry: PackEntry, size: number): AsyncGenerator<Piece> {
    const { out, marks } = this;
    const { signal } = this.options;
    // One array is valid for this entry only. Of pieces each is passed on, be it small: so they live until
    // the next but one is read.
    const passesOn = !(entry.content instanceof Uint8Array);
    let left = size;
    for await (const piece of new ClaimedSource(content, signal)) {
      if (piece.length > left) throw contentSizeError(entry, size, 'more');
      if (isFileRange(piece)) {
        left -= yield* this.passOnRange(piece);
        continue;
      }
      left -= piece.length;
      marks.content(out.offset, piece.length);
      if (passesOn) {
        out.flush();
        yield* this.chunks();
        out.passed(piece.length);
        yield piece;
      } else {
        out.append(piece);
        if (out.isFull) yield* this.chunks();
      }
    }
    if (left > 0) throw contentSizeError(entry, size, `${size - left}`);
  }

  /** @returns how many of its bytes were copied */
  private async *passOnRange(range: FileRange): AsyncGenerator<Piece, number> {
    const { out, marks } = this;
    out.flush();
    yield* this.chunks();
    yield range;
    marks.content(out.offset, range.copied);
    out.passed(range.copied);
    return range.copied;
  }

  private async *chunks(): AsyncGenerator<Uint8Array> {
    const { out } = this;
    for (let chunk = out.take(); chunk !== undefined; chunk = out.take()) {
      yield chunk;
      out.giveBack(chunk);
    }
  }
}

function isSmall(content: Content | undefined): content is Uint8Array {
  return content instanceof Uint8Array && content.length < GATHERED_AT_ONCE;
}

/**
 * Bytes of content that a member must come with; those of a sparse file with the zeros that are stored among
 * them.
 */
function dataSizeOf({ type, size }: PackEntry, layout: SparseLayout | undefined): number {
  return layout?.dataSize ?? (type === 'file' ? size : 0);
}

function contentOf(entry: PackEntry, layout: SparseLayout | undefined): Items<Piece> {
  const { content = NO_CONTENT, extents = [] } = entry;
  const isArray = content instanceof Uint8Array;
  if (layout?.zeros.some((zeros) => zeros > 0)) {
    return withZeros(isArray ? once(content) : content, extents, layout);
  }
  return isArray ? once(content) : piecesOf(content);
}

async function* once(chunk: Uint8Array): AsyncGenerator<Uint8Array> {
  yield chunk;
}

function contentSizeError({ path }: PackEntry, expected: number, got: string): ArchiveError {
  const message = `${printableName(path)} should come with ${expected} bytes of content, and came with ${got}`;
  return new ArchiveError('TAR_CONTENT_SIZE', message, { entry: path });
}

/**
 * The flags that one can set, and not those by which a file system tells how it stores a file (<linux/fs.h>,
 * FS_FL_USER_MODIFIABLE and FS_NOCOW_FL).
 */
const SETTABLE_FLAGS = 0x000380ff | 0x00800000;

/** What a tar archive has no place for, counted. */
class LeftOut {
  private readonly sockets = new Set<string>();
  private readonly warnings: CountedWarnings;

  constructor(onWarning: OnWarning | undefined) {
    this.warnings = new CountedWarnings(onWarning);
  }

  /** Whether an entry is left out as a whole. */
  leavesOut(entry: FileEntry): boolean {
    this.noteAttributes(entry);
    const { path, type, linkTarget = '' } = entry;
    const isSocket = type === 'socket' || (type === 'hardlink' && this.sockets.has(linkTarget));
    if (!isSocket) return false;
    this.sockets.add(path);
    this.warnings.addNotice('TAR_SOCKET', 'left out: a tar archive cannot hold a socket', path);
    return true;
  }

  /** Says what was left out. */
  finish(): void {
    this.warnings.finish();
  }

  private noteAttributes({ path, flags = 0, quotaProject = 0 }: FileEntry): void {
    if ((flags & SETTABLE_FLAGS) !== 0) {
      const what = 'without flags, as lsattr shows them: a tar archive has no place for them';
      this.warnings.add('TAR_FLAGS', what, path);
    }
    if (quotaProject !== 0) {
      const what = 'without a quota project: a tar archive has no place for them';
      this.warnings.add('TAR_QUOTA_PROJECT', what, path);
    }
  }
}
