import type { Duplex } from 'node:stream';
import type { TransformStream } from 'node:stream/web';
import { ContentProgress, contentChunks, type TreeSummary } from '@vzdump-format/file-tree';
import { printableName } from '@vzdump-format/posix';
import {
  ArchiveError,
  type Items,
  type OnProgress,
  type OnWarning,
  type Pulled,
  PullIterator,
  type PullSource,
  toTransformStream,
  toUnpackingDuplex,
} from '@vzdump-format/streams';
import { ITEM, MAX_DEPTH } from '../format.js';
import { ArchiveProof } from './archive-proof.js';
import { PatientEntries, PayloadReader, payloadMissing, StreamedContent } from './content-reader.js';
import {
  EntryReader,
  type OnDoubt,
  type PxarEntry,
  type PxarHeader,
  type ReadEntry,
  readHeader,
  unexpected,
} from './entry-reader.js';
import { ForwardReader, ItemReader, type PxarInput } from './item-reader.js';

/** Contents up to this size are given as a whole: in most cases, a slice of what is in memory anyway. */
const SMALL_CONTENT = 64 * 1024;

export interface UnpackPxarOptions {
  /** The payload stream (`.ppxar`) of a split archive. It is read along with the archive. */
  readonly payload?: PxarInput | undefined;
  /** Entries shall have no `content`: a list of a split archive needs no payload stream. */
  readonly metadataOnly?: boolean | undefined;
  /**
   * Proves all that can be proven: goodbye tables and hardlinks against the entries, and that nothing follows
   * the end.
   */
  readonly verify?: boolean | undefined;
  /** Called before the first entry. */
  readonly onHeader?: ((header: PxarHeader) => void) | undefined;
  readonly onWarning?: OnWarning | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Takes an archive apart, in one pass: its entries in its order, the root first, a directory before what is
 * in it. A file's `content` is read before the next entry is asked for, or not at all; up to 64 KiB it is one
 * array, which is as short-lived as the archive's chunks (see `Stage`). It ends without an error only if the
 * archive is whole.
 *
 * Of what is at rest, contents that nobody reads are skipped. Memory: a few chunks, and with `verify` 32
 * bytes for each entry of the directories that are open, and as much for each file.
 *
 * @throws ArchiveError with a code of `PXAR_…`, see the format's README. Its `offset` is a position in the
 * archive, or in the payload stream where the message says so
 */
export function unpackPxar(archive: PxarInput, options: UnpackPxarOptions = {}): PullIterator<PxarEntry> {
  return new PullIterator(new Entries(new Unpacker(archive, options)));
}

class Entries implements PullSource<PxarEntry> {
  private hasBegun = false;

  constructor(private readonly unpacker: Unpacker) {}

  pull(): Pulled<PxarEntry> {
    if (this.hasBegun) return this.advance();
    this.hasBegun = true;
    return this.unpacker.readRoot();
  }

  close(): Promise<void> {
    return this.unpacker.close();
  }

  private advance(): Pulled<PxarEntry> {
    const { unpacker } = this;
    if (unpacker.isOver) return undefined;
    return unpacker.isReady() ? this.take() : unpacker.makeReady().then(() => this.take());
  }

  private take(): Pulled<PxarEntry> {
    const { unpacker } = this;
    const entry = unpacker.readEntry();
    if (entry === undefined) return unpacker.leaveDirectory().then(() => this.advance());
    if (entry.type !== 'file' || unpacker.giveContent(entry)) return entry;
    return unpacker.findContent(entry).then(() => entry);
  }
}

/**
 * The same as a Duplex: bytes in, entries out. Since a Duplex reads ahead, the next entry comes when the
 * content of the one before has been read to its end or given up (by leaving the loop over it), unless it
 * came as one array.
 */
export function createUnpackPxar(options: UnpackPxarOptions = {}): Duplex {
  return toUnpackingDuplex((archive) => new PatientEntries(unpackPxar(archive, options)), options.signal);
}

/** As `createUnpackPxar`, for web streams. */
export function webUnpackPxar(options: UnpackPxarOptions = {}): TransformStream<Uint8Array, PxarEntry> {
  const unpack = (archive: Items<Uint8Array>) => new PatientEntries(unpackPxar(archive, options));
  return toTransformStream(unpack, options.signal);
}

class Unpacker {
  private readonly input: ForwardReader;
  private readonly items: ItemReader;
  private readonly entries: EntryReader;
  private readonly payload: PayloadReader | undefined;
  private readonly proof: ArchiveProof | undefined;
  /** Paths of the directories that the next entry is in. */
  private readonly open: string[] = [];
  /** Where the first child of the root stands. */
  private firstChild = 0;
  private content: StreamedContent | undefined;

  constructor(
    archive: PxarInput,
    private readonly options: UnpackPxarOptions,
  ) {
    const { onWarning, signal } = options;
    this.input = new ForwardReader(archive, { name: 'the archive', signal });
    this.items = new ItemReader(this.input);
    this.entries = new EntryReader(this.items, { onWarning, onDoubt: this.onDoubt });
    if (options.payload !== undefined) {
      this.payload = new PayloadReader(options.payload, { signal });
    }
    if (options.verify) this.proof = new ArchiveProof(this.items);
  }

  async readRoot(): Promise<PxarEntry> {
    this.options.signal?.throwIfAborted();
    const header = await readHeader(this.items);
    this.options.onHeader?.(header);
    await this.payload?.begin();
    await this.items.gatherEntry();
    const root = this.entries.readRoot();
    this.open.push('');
    this.firstChild = this.input.offset;
    this.proof?.beginRoot();
    return root;
  }

  get isOver(): boolean {
    return this.open.length === 0;
  }

  /** Whether `readEntry` can go on without waiting. */
  isReady(): boolean {
    return this.content === undefined && this.items.entryAtHand();
  }

  async makeReady(): Promise<void> {
    await this.content?.finish();
    this.content = undefined;
    await this.items.gatherEntry();
  }

  /** The next entry; none at the end of a directory. */
  readEntry(): ReadEntry | undefined {
    const { items } = this;
    this.options.signal?.throwIfAborted();
    this.proof?.end();
    items.take();
    if (items.type === ITEM.GOODBYE) return undefined;
    const directory = this.open.at(-1)!;
    if (items.type !== ITEM.FILENAME) throw unexpected(items, directory);
    const name = this.entries.name();
    this.proof?.begin();
    const path = directory === '' ? name : `${directory}/${name}`;
    const entry = this.entries.read(path, this.firstChild);
    this.proof?.add(entry);
    if (entry.type === 'directory') this.enterDirectory(entry);
    return entry;
  }

  async close(): Promise<void> {
    try {
      await this.payload?.close();
    } finally {
      await this.input.close();
    }
  }

  private readonly onDoubt: OnDoubt = (code, message, details) => {
    if (this.options.verify) throw new ArchiveError(code, message, details);
    this.options.onWarning?.({ code, message, ...details });
  };

  private enterDirectory({ path, archiveOffset }: PxarEntry): void {
    if (this.open.length === MAX_DEPTH) {
      const what = `${printableName(path)}: directories more than ${MAX_DEPTH} deep`;
      throw new ArchiveError('PXAR_LIMIT', what, { offset: archiveOffset, entry: path });
    }
    this.open.push(path);
  }

  /** Reads the goodbye table of the innermost directory, and, of the root, proves that it was the end. */
  async leaveDirectory(): Promise<void> {
    if (this.proof !== undefined) await this.proof.leave();
    else await this.input.skip(this.items.size);
    this.open.pop();
    if (!this.isOver) return;
    if (!this.options.metadataOnly) await this.payload?.finish();
    const { offset } = this.input;
    if (!(await this.input.atEnd())) {
      this.onDoubt('PXAR_TRAILING_DATA', 'the archive goes on behind its end', { offset, entry: '' });
    }
  }

  /** Gives a file its content if that is small and in the window, or not wanted. Says whether that is all. */
  giveContent(entry: ReadEntry): boolean {
    const { path, size, inPayloadStream, contentOffset } = entry;
    if (inPayloadStream && this.options.metadataOnly) return true;
    if (size > SMALL_CONTENT) return false;
    if (!inPayloadStream) {
      if (!this.input.has(size)) return false;
      this.takeContent(entry, this.input);
      return true;
    }
    const { payload } = this;
    if (payload === undefined || !payload.takeHeader(contentOffset!, size, path)) return false;
    this.takeContent(entry, payload.input);
    return true;
  }

  /** Goes to where a file's content begins, and gives the file its content, or goes past it. */
  async findContent(entry: ReadEntry): Promise<void> {
    const { path, size, inPayloadStream } = entry;
    const { metadataOnly } = this.options;
    const input = inPayloadStream ? await this.seekPayload(entry) : this.input;
    if (metadataOnly) {
      await input.skip(size);
    } else if (size <= SMALL_CONTENT) {
      await input.need(size);
      this.takeContent(entry, input);
    } else {
      this.content = new StreamedContent(input, path, size);
      entry.content = this.content;
    }
  }

  private takeContent(entry: ReadEntry, input: ForwardReader): void {
    const from = input.position;
    input.position += entry.size;
    if (!this.options.metadataOnly) entry.content = input.bytes.subarray(from, input.position);
  }

  private async seekPayload({ path, size, contentOffset }: ReadEntry): Promise<ForwardReader> {
    if (this.payload === undefined) throw payloadMissing(path, this.items.start);
    await this.payload.seek(contentOffset!, size, path);
    return this.payload.input;
  }
}

export interface VerifyPxarOptions
  extends Pick<UnpackPxarOptions, 'payload' | 'onHeader' | 'onWarning' | 'signal'> {
  readonly onProgress?: OnProgress | undefined;
}

/**
 * Reads a whole archive, and with it the payload stream of a split one, and proves what can be proven: the
 * structure, every goodbye table against the entries, every hardlink against the file that it names, every
 * reference against the payload stream, and that nothing follows the end. Contents have no checksum in this
 * format.
 *
 * @throws ArchiveError, the first thing that is wrong
 */
export async function verifyPxar(archive: PxarInput, options: VerifyPxarOptions = {}): Promise<TreeSummary> {
  const { onProgress, ...unpackOptions } = options;
  const progress = new ContentProgress(onProgress);
  for await (const entry of progress.watch(unpackPxar(archive, { ...unpackOptions, verify: true }))) {
    for await (const _ of contentChunks(entry)); // what is proven is what has been read
  }
  return progress.summary;
}
