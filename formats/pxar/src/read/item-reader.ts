import { ArchiveError, ByteReader, type ByteSource, type Items, readChunks } from '@vzdump-format/streams';
import {
  ITEM,
  ITEM_HEADER_SIZE,
  type ItemType,
  itemTypeAt,
  MAX_METADATA_SIZE,
  MAX_NAME_SIZE,
  readU64,
} from '../format.js';

/** What is brought into the window at least, when an entry goes past its end. */
const GATHERED = 512;
/** All items of an entry but the last. */
const MAX_ENTRY_SIZE = MAX_METADATA_SIZE + MAX_NAME_SIZE + 4 * ITEM_HEADER_SIZE;

/**
 * Goes through the items of an archive, one at a time. The content of an item stands in the window of `input`
 * as a whole, from `contentAt` on, until the window moves; but for a PAYLOAD or GOODBYE, which can be of any
 * size: theirs is left for the caller to read or skip.
 */
export class ItemReader {
  type: ItemType = ITEM.ENTRY;
  /** Where the item begins in the archive. */
  start = 0;
  /** Bytes of content. */
  size = 0;
  contentAt = 0;

  constructor(readonly input: ForwardReader) {}

  /** Moves on to the next item. @throws `PXAR_UNKNOWN_ITEM`, `PXAR_ITEM_SIZE`, `PXAR_TRUNCATED` */
  async next(): Promise<void> {
    const { input } = this;
    if (!input.has(ITEM_HEADER_SIZE)) await input.need(ITEM_HEADER_SIZE);
    const type = itemTypeAt(input.view, input.position);
    const size = readU64(input.view, input.position + 8) - ITEM_HEADER_SIZE;
    if (isPossible(type, size)) await input.need(ITEM_HEADER_SIZE + bytesAtHand(type, size));
    this.take();
  }

  /** Moves on to the next item, which is in the window. @throws `PXAR_UNKNOWN_ITEM`, `PXAR_ITEM_SIZE` */
  take(): void {
    const { input } = this;
    const { view, position } = input;
    const type = itemTypeAt(view, position);
    const fullSize = readU64(view, position + 8);
    const size = fullSize - ITEM_HEADER_SIZE;
    if (!isPossible(type, size)) throw impossibleItem(type, fullSize, input.offset);
    this.type = type;
    this.size = size;
    this.start = input.offset;
    this.contentAt = position + ITEM_HEADER_SIZE;
    input.position += ITEM_HEADER_SIZE + bytesAtHand(type, size);
  }

  /** Goes back to before the item that was taken last. */
  putBack(): void {
    this.input.position = this.contentAt - ITEM_HEADER_SIZE;
  }

  /**
   * Whether the window has all of the next entry but its content: from its FILENAME or ENTRY up to the item
   * behind its metadata. Of what is no entry, a header is enough. @throws `PXAR_LIMIT`
   */
  entryAtHand(): boolean {
    return this.bytesOfEntry() === undefined;
  }

  /** Sees to it that the window has it. @throws `PXAR_LIMIT`, `PXAR_TRUNCATED` */
  async gatherEntry(): Promise<void> {
    for (;;) {
      const needed = this.bytesOfEntry();
      if (needed === undefined) return;
      // twice as much each time: every one of thousands of small items would have all before it moved
      await this.input.gather(needed, Math.max(GATHERED, 2 * needed));
    }
  }

  /** How many bytes the window needs at least, if it has not all of the entry. */
  private bytesOfEntry(): number | undefined {
    const { input } = this;
    for (let scanned = 0; ; ) {
      if (!input.has(scanned + ITEM_HEADER_SIZE)) return scanned + ITEM_HEADER_SIZE;
      const at = input.position + scanned;
      const type = itemTypeAt(input.view, at);
      const size = readU64(input.view, at + 8) - ITEM_HEADER_SIZE;
      if (!isPossible(type, size)) return undefined; // it is refused in its turn
      scanned += ITEM_HEADER_SIZE + bytesAtHand(type, size);
      if (!input.has(scanned)) return scanned;
      const isNext = at > input.position ? type === ITEM.FILENAME : !beginsEntry(type);
      if (!type.goesOn || isNext) return undefined;
      if (scanned > MAX_ENTRY_SIZE) {
        const what = `an entry with more than ${MAX_METADATA_SIZE} bytes of attributes`;
        throw new ArchiveError('PXAR_LIMIT', what, { offset: input.offset });
      }
    }
  }
}

function beginsEntry(type: ItemType): boolean {
  return type === ITEM.FILENAME || type === ITEM.ENTRY || type === ITEM.ENTRY_V1;
}

function isPossible(type: ItemType | undefined, size: number): type is ItemType {
  return type !== undefined && size >= type.least && size <= type.most;
}

/** How much of an item's content must be in the window. */
function bytesAtHand(type: ItemType, size: number): number {
  return type === ITEM.PAYLOAD || type === ITEM.GOODBYE ? 0 : size;
}

function impossibleItem(type: ItemType | undefined, fullSize: number, offset: number): ArchiveError {
  if (type === undefined) {
    return new ArchiveError('PXAR_UNKNOWN_ITEM', 'what stands here is no item of this format', { offset });
  }
  const size = Number.isFinite(fullSize) ? `${fullSize} bytes` : 'more than 2^53 bytes';
  return new ArchiveError('PXAR_ITEM_SIZE', `a ${type.name} cannot have ${size}`, { offset });
}

/** Bytes in motion or at rest. */
export type PxarInput = Items<Uint8Array> | ByteSource;

export interface ForwardReaderOptions {
  /** What an error calls it: 'the archive'. */
  readonly name: string;
  /** At rest: where to begin, and how much to read at a time; 0 and 2 MiB unless given. */
  readonly start?: number;
  readonly end?: number;
  readonly chunkSize?: number | undefined;
  readonly readAhead?: number;
  /** See `Stage`. */
  readonly signal?: AbortSignal | undefined;
}

/** A stream of Node's has a method `read` as well, but no size. */
export function isAtRest(input: PxarInput): input is ByteSource {
  return typeof input === 'object' && 'read' in input && 'size' in input;
}

/** To read on is cheaper than to begin anew for less than this many chunks. */
const SEEK_CHUNKS = 2;
/** To wake a thread for each read takes 0.1 to 0.6 ms. */
const CHUNK_SIZE = 2 << 20;
const NO_BYTES = new Uint8Array(0);

/**
 * Reads forwards through a window: bytes that stand together in memory, mostly a chunk as it came, so that
 * small structures are decoded in place, without waiting. What is at rest is not read where it is skipped.
 *
 * Bytes of the window are valid until it moves on: until the next call that waits.
 */
export class ForwardReader {
  bytes: Uint8Array = NO_BYTES;
  view: DataView = viewOf(NO_BYTES);
  /** Of the next byte in the window. */
  position = 0;
  private reader: ByteReader;
  /** Where the reader's first byte stands in the input. */
  private readerStart: number;

  constructor(
    private readonly input: PxarInput,
    private readonly options: ForwardReaderOptions,
  ) {
    this.readerStart = options.start ?? 0;
    this.reader = this.readerAt(this.readerStart);
  }

  /** Of the next byte, in the input. */
  get offset(): number {
    return this.readerStart + this.reader.offset - this.bytes.length + this.position;
  }

  /** Whether the next `length` bytes are in the window. */
  has(length: number): boolean {
    return this.bytes.length - this.position >= length;
  }

  /** Moves the window so that it has the next `length` bytes. @throws `PXAR_TRUNCATED` */
  async need(length: number): Promise<void> {
    if (!this.has(length)) await this.gather(length, length);
  }

  /**
   * Moves the window so that it has at least `least` bytes, more than it has now, and if it has to be put
   * together, up to `most`.
   * @throws `PXAR_TRUNCATED`
   */
  async gather(least: number, most: number): Promise<void> {
    if (!this.has(1)) {
      this.setWindow(NO_BYTES);
      if (!(await this.reader.atEnd())) this.setWindow(await this.reader.readSome(Number.MAX_SAFE_INTEGER));
    }
    if (this.has(1) && !this.has(least)) {
      const rest = Uint8Array.from(this.bytes.subarray(this.position)); // a chunk may be overwritten by the next one
      this.setWindow(Buffer.concat([rest, await this.reader.readUpTo(most - rest.length)]));
    }
    if (!this.has(least)) {
      throw new ArchiveError('PXAR_TRUNCATED', `${this.options.name} ends too early`, {
        offset: this.offset + this.bytes.length - this.position,
        hint: 'an interrupted copy: look for another',
      });
    }
  }

  async atEnd(): Promise<boolean> {
    return !this.has(1) && (await this.reader.atEnd());
  }

  /** Between 1 and `most` bytes. @throws `PXAR_TRUNCATED` */
  async some(most: number): Promise<Uint8Array> {
    if (!this.has(1)) await this.need(1);
    const from = this.position;
    this.position = Math.min(this.bytes.length, from + most);
    return this.bytes.subarray(from, this.position);
  }

  /** Passes over `length` bytes. @throws `PXAR_TRUNCATED` */
  async skip(length: number): Promise<void> {
    const target = this.offset + length;
    const ahead = length - (this.bytes.length - this.position);
    if (isAtRest(this.input) && ahead > SEEK_CHUNKS * (this.options.chunkSize ?? CHUNK_SIZE)) {
      await this.seek(target, this.input);
      return;
    }
    for (let left = length; left > 0; ) left -= (await this.some(left)).length;
  }

  async close(): Promise<void> {
    this.setWindow(NO_BYTES);
    await this.reader.close();
  }

  private async seek(target: number, { size }: ByteSource): Promise<void> {
    await this.close();
    this.readerStart = Math.min(target, this.options.end ?? size);
    this.reader = this.readerAt(this.readerStart);
    if (this.readerStart < target) await this.need(1); // there is none
  }

  private readerAt(start: number): ByteReader {
    const { input, options } = this;
    if (!isAtRest(input)) return new ByteReader(input, options.signal);
    const { end = input.size, chunkSize = CHUNK_SIZE, readAhead = 1, signal } = options;
    return new ByteReader(readChunks(input, { start, end, chunkSize, readAhead, signal }));
  }

  private setWindow(bytes: Uint8Array): void {
    this.bytes = bytes;
    this.view = viewOf(bytes);
    this.position = 0;
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
