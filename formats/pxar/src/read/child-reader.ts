import { ArchiveError, type ByteSource, type OnWarning } from '@vzdump-format/streams';
import { GOODBYE_ITEM_SIZE, ITEM, ITEM_HEADER_SIZE, NAME_HASH_KEY } from '../format.js';
import { compareHashes } from '../goodbye/goodbye.js';
import {
  type DirectoryPlace,
  type GoodbyeTable,
  type TableItem,
  wrongTable,
} from '../goodbye/goodbye-table.js';
import { SipHash } from '../goodbye/siphash.js';
import { EntryReader, type PxarEntry, unexpected } from './entry-reader.js';
import { ForwardReader } from './forward-reader.js';
import { ItemReader } from './item-reader.js';

export interface ChildReaderOptions {
  /** Where the first child to be read stands. */
  readonly start: number;
  readonly chunkSize: number;
  /** Where the root's first child stands. */
  readonly firstChild: number;
  readonly onWarning: OnWarning | undefined;
  readonly signal: AbortSignal | undefined;
}

export interface FoundChild {
  readonly name: string;
  readonly entry: PxarEntry;
  /** Where it ends. */
  readonly end: number;
  /** Of a directory. */
  readonly place: DirectoryPlace | undefined;
}

/** Reads children of a directory where its table says that they are, one behind the other. */
export class ChildReader {
  private readonly input: ForwardReader;
  private readonly items: ItemReader;
  private readonly entries: EntryReader;
  private readonly hash = new SipHash(NAME_HASH_KEY);

  constructor(
    source: ByteSource,
    private readonly table: GoodbyeTable,
    private readonly options: ChildReaderOptions,
  ) {
    const { start, chunkSize, signal, onWarning } = options;
    // of a child without content, only the next item tells that it has ended
    const end = table.start + ITEM_HEADER_SIZE;
    this.input = new ForwardReader(source, {
      name: 'the directory',
      start,
      end,
      chunkSize,
      readAhead: 0,
      signal,
    });
    this.items = new ItemReader(this.input);
    this.entries = new EntryReader(this.items, { onWarning, onDoubt: refuse });
  }

  /** @throws `PXAR_GOODBYE` when it is not what the table says */
  async read(item: TableItem): Promise<FoundChild> {
    const { input, items, table } = this;
    await input.skip(item.start - input.offset);
    await this.gather(item);
    items.take();
    if (items.type !== ITEM.FILENAME) throw unexpected(items, table.directory.path);
    const name = this.entries.name();
    this.hash.hash(input.bytes, items.contentAt, items.contentAt + items.size - 1);
    if (compareHashes(this.hash, item) !== 0) throw this.wrong(item, 'whose name has another hash');
    const entryStart = input.offset;
    const { path: directory } = table.directory;
    const path = directory === '' ? name : `${directory}/${name}`;
    const entry = this.entries.read(path, this.options.firstChild);
    const end = this.endOf(entry, item);
    if (entry.type !== 'directory') return { name, entry, end, place: undefined };
    return { name, entry, end, place: { path, entryStart, contentStart: input.offset, end } };
  }

  close(): Promise<void> {
    return this.input.close();
  }

  private async gather(item: TableItem): Promise<void> {
    try {
      await this.items.gatherEntry();
    } catch (error) {
      const isEnd = error instanceof ArchiveError && error.code === 'PXAR_TRUNCATED';
      throw isEnd ? this.wrong(item, 'which goes on behind the directory') : error;
    }
  }

  /**
   * Where an entry ends: a directory where the table says, anything else where its items do. The table must
   * agree, but for a file whose content is elsewhere, since it may or may not be counted in.
   */
  private endOf(entry: PxarEntry, item: TableItem): number {
    const { input, table } = this;
    const isDirectory = entry.type === 'directory';
    const inlineSize = entry.type === 'file' && !entry.inPayloadStream ? entry.size : 0;
    const end = isDirectory ? item.start + item.size : input.offset + inlineSize;
    const least = isDirectory ? ITEM_HEADER_SIZE + GOODBYE_ITEM_SIZE : 0;
    if (end < input.offset + least || end > table.start)
      throw this.wrong(item, 'which goes on behind the directory');
    if (!entry.inPayloadStream && end - item.start !== item.size)
      throw this.wrong(item, 'which has another size');
    return end;
  }

  private wrong({ start }: TableItem, what: string): ArchiveError {
    return wrongTable(this.table.directory, `does not fit the entry at byte ${start}, ${what}`, start);
  }
}

/** At rest, nothing is passed over. */
export function refuse(code: string, message: string, details: { offset: number; entry: string }): never {
  throw new ArchiveError(code, message, details);
}
