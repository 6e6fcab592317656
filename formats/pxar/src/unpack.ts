import type { Duplex } from 'node:stream';
import { printableName } from '@vzdump-format/file-tree';
import { ArchiveError, type OnWarning, toDuplex } from '@vzdump-format/streams';
import { ArchiveProof } from './archive-proof.js';
import type { PxarEntry, PxarHeader } from './entry.js';
import { EntryReader, type OnDoubt, type ReadEntry, unexpected } from './entry-reader.js';
import { ITEM, MAX_DEPTH } from './format.js';
import { ForwardReader, type Input } from './forward-reader.js';
import { readHeader } from './header.js';
import { ItemReader } from './item-reader.js';
import { PayloadReader, payloadMissing } from './payload-reader.js';
import { StreamedContent } from './streamed-content.js';

/** Contents up to this size are given as a whole: in most cases, a slice of what is in memory anyway. */
const SMALL_CONTENT = 64 * 1024;

export interface UnpackPxarOptions {
  /** The payload stream (`.ppxar`) of a split archive. It is read along with the archive. */
  readonly payload?: Input | undefined;
  /** Entries shall have no `content`: a list of a split archive needs no payload stream. */
  readonly metadataOnly?: boolean | undefined;
  /** Proves all that can be proven: goodbye tables and hardlinks against the entries, and that nothing follows the end. */
  readonly verify?: boolean | undefined;
  /** Called before the first entry. */
  readonly onHeader?: ((header: PxarHeader) => void) | undefined;
  /** For what is at rest: see `Stage`. */
  readonly reuseBuffers?: boolean | undefined;
  readonly onWarning?: OnWarning | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Takes an archive apart, in one pass: its entries in its order, the root first, a directory before what is in it.
 * A file's `content` is read before the next entry is asked for, or not at all; up to 64 KiB it is one array, which is as
 * short-lived as the archive's chunks (see `Stage`). It ends without an error only if the archive is whole.
 *
 * Of what is at rest, contents that nobody reads are skipped. Memory: a few chunks, and with `verify` 32 bytes for each
 * entry of the directories that are open, and as much for each file.
 *
 * @throws ArchiveError with a code of `PXAR_…`, see the format's README. Its `offset` is a position in the archive, or
 * in the payload stream where the message says so
 */
export async function* unpackPxar(
  archive: Input,
  options: UnpackPxarOptions = {},
): AsyncGenerator<PxarEntry> {
  const unpacker = new Unpacker(archive, options);
  try {
    yield await unpacker.readRoot();
    for (;;) {
      const entry = await unpacker.readNext();
      if (entry === undefined) return;
      yield entry;
    }
  } finally {
    await unpacker.close();
  }
}

/**
 * The same as a Duplex: bytes in, entries out. Since a Duplex reads ahead, the next entry comes when the content of the one before
 * has been read to its end or given up (by leaving the loop over it), unless it came as one array.
 */
export function createUnpackPxar(options: UnpackPxarOptions = {}): Duplex {
  return toDuplex(async function* (archive: AsyncIterable<Uint8Array>, duplex?: { signal: AbortSignal }) {
    for await (const entry of unpackPxar(archive, options)) {
      yield entry;
      if (entry.content instanceof StreamedContent) await settledOrAborted(entry.content, duplex?.signal);
    }
  });
}

/** @throws the signal's reason */
async function settledOrAborted(content: StreamedContent, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  let abandon = () => {};
  const aborted = new Promise<never>((_, reject) => {
    abandon = () => reject(signal?.reason);
  });
  signal?.addEventListener('abort', abandon, { once: true });
  try {
    await Promise.race([content.settled, aborted]);
  } finally {
    signal?.removeEventListener('abort', abandon);
  }
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
    archive: Input,
    private readonly options: UnpackPxarOptions,
  ) {
    const { onWarning, reuseBuffers, signal } = options;
    this.input = new ForwardReader(archive, { name: 'the archive', reuseBuffers, signal });
    this.items = new ItemReader(this.input);
    this.entries = new EntryReader(this.items, { onWarning, onDoubt: this.onDoubt });
    if (options.payload !== undefined) {
      this.payload = new PayloadReader(options.payload, { reuseBuffers, signal });
    }
    if (options.verify) this.proof = new ArchiveProof(this.items);
  }

  async readRoot(): Promise<PxarEntry> {
    this.options.signal?.throwIfAborted();
    const header = await readHeader(this.items);
    this.options.onHeader?.(header);
    await this.payload?.begin();
    const root = await this.entries.readRoot();
    this.open.push('');
    this.firstChild = this.items.end;
    this.proof?.beginRoot();
    return root;
  }

  /** The next entry; none at the end of the archive. */
  async readNext(): Promise<PxarEntry | undefined> {
    const { items, options } = this;
    options.signal?.throwIfAborted();
    if (this.content !== undefined) {
      await this.content.finish();
      this.content = undefined;
    }
    this.proof?.end();
    if (!items.nextAtHand()) await items.next();
    while (items.type === ITEM.GOODBYE) {
      if (await this.leaveDirectory()) return undefined;
      await items.next();
    }
    const directory = this.open.at(-1)!;
    if (items.type !== ITEM.FILENAME) throw unexpected(items, directory);
    const name = this.entries.name();
    this.proof?.begin();
    const path = directory === '' ? name : `${directory}/${name}`;
    const entry = await this.entries.read(path, this.firstChild);
    this.proof?.add(entry, this.entries.content);
    if (entry.type === 'directory') this.enterDirectory(entry);
    else if (entry.type === 'file') await this.findContent(entry);
    return entry;
  }

  async close(): Promise<void> {
    await this.payload?.close();
    await this.input.close();
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

  /** Says whether it was the root. */
  private async leaveDirectory(): Promise<boolean> {
    if (this.proof !== undefined) await this.proof.leave();
    else await this.input.skip(this.items.size);
    this.open.pop();
    if (this.open.length > 0) return false;
    if (!this.options.metadataOnly) await this.payload?.finish();
    const offset = this.input.offset;
    if (!(await this.input.atEnd())) {
      this.onDoubt('PXAR_TRAILING_DATA', 'the archive goes on behind its end', { offset, entry: '' });
    }
    return true;
  }

  /** Goes to where a file's content begins, and gives the file its content, or goes past it. */
  private async findContent(entry: ReadEntry): Promise<void> {
    const { path, size } = entry;
    const { metadataOnly } = this.options;
    let { input } = this;
    if (this.entries.content!.elsewhere) {
      if (metadataOnly) return;
      input = await this.seekPayload(entry);
    }
    if (metadataOnly) {
      await input.skip(size);
    } else if (size <= SMALL_CONTENT) {
      if (!input.has(size)) await input.need(size);
      const from = input.position;
      input.position += size;
      entry.content = input.bytes.subarray(from, input.position);
    } else {
      this.content = new StreamedContent(input, path, size);
      entry.content = this.content;
    }
  }

  private async seekPayload({ path, size, contentOffset }: ReadEntry): Promise<ForwardReader> {
    if (this.payload === undefined) throw payloadMissing(path, this.items.start);
    await this.payload.seek(contentOffset!, size, path);
    return this.payload.input;
  }
}
