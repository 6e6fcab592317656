import {
  isFileRange,
  mappedItems,
  type OnProgress,
  type Piece,
  type PullIterator,
} from '@vzdump-format/streams';
import type { ContentInPieces, EntryType, FileEntry } from './entry.js';
import { piecesOf } from './whole-content.js';

/** What an archive of a tree holds. */
export interface TreeSummary {
  readonly entries: Readonly<Record<EntryType, number>>;
  /** Of all files, holes included. */
  readonly bytes: number;
}

/**
 * Counts entries that pass, and the bytes of their files: a small file with its entry, a large one piece by
 * piece as it is read. When the next entry is asked for, all of the last one counts, with its holes and what
 * nobody read.
 */
export class ContentProgress {
  private readonly byType = {
    ...{ file: 0, directory: 0, symlink: 0, hardlink: 0 },
    ...{ block: 0, char: 0, fifo: 0, socket: 0 },
  };
  /** Of the files so far. */
  bytes = 0;
  /** Of those before the last one, and that one. */
  private bytesThen = 0;

  /** @param onProgress told of the bytes so far */
  constructor(private readonly onProgress?: OnProgress | undefined) {}

  get entries(): number {
    return Object.values(this.byType).reduce((sum, count) => sum + count);
  }

  get summary(): TreeSummary {
    return { entries: { ...this.byType }, bytes: this.bytes };
  }

  watch<Entry extends FileEntry>(entries: AsyncIterable<Entry>): PullIterator<Entry> {
    const begin = (entry: Entry): Entry => {
      const { type, content, size } = entry;
      this.reach(this.bytesThen);
      this.byType[type]++;
      this.bytesThen += size;
      if (content === undefined || content instanceof Uint8Array) return entry;
      return { ...entry, content: new CountedContent(content, (bytes) => this.add(bytes)) };
    };
    return mappedItems(entries, begin, () => this.reach(this.bytesThen));
  }

  /** A file that grows while it is read counts with the size of its entry. */
  private add(bytes: number): void {
    this.reach(Math.min(this.bytes + bytes, this.bytesThen));
  }

  private reach(bytes: number): void {
    this.bytes = bytes;
    this.onProgress?.(bytes);
  }
}

/** Tells how many bytes there were when whoever reads them is done with them. */
class CountedContent implements ContentInPieces {
  constructor(
    private readonly content: ContentInPieces,
    private readonly count: (bytes: number) => void,
  ) {}

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for await (const chunk of this.content) {
      const { length } = chunk; // which is not for us to look at afterwards
      yield chunk;
      this.count(length);
    }
  }

  async *pieces(): AsyncGenerator<Piece> {
    for await (const piece of piecesOf(this.content)) {
      const { length } = piece;
      yield piece;
      this.count(isFileRange(piece) ? piece.copied : length);
    }
  }
}
