import { printableName } from '@vzdump-format/posix';
import {
  ArchiveError,
  ByteReader,
  type ChunksInPieces,
  chunksOf,
  type Items,
  isFileRange,
  mappedItems,
  type OnProgress,
  type Piece,
  type PullIterator,
  piecesOf,
  zeroChunks,
} from '@vzdump-format/streams';
import type { EntryType, FileEntry } from './entry.js';

/** The bytes of an entry's content: those of a sparse file are the data of its extents, without its holes. */
export async function* contentChunks({ content }: Pick<FileEntry, 'content'>): AsyncGenerator<Uint8Array> {
  if (content instanceof Uint8Array) yield content;
  else if (content !== undefined) yield* content;
}

/**
 * The content of a file from its first byte to its last, with zeros in the holes of a sparse one.
 * @param code the error's code when the content has another size than the entry says
 */
export function wholeContent(entry: FileEntry, code?: string): AsyncGenerator<Uint8Array> {
  const { content, extents } = entry;
  if (content === undefined || content instanceof Uint8Array || extents !== undefined) {
    return contentWithHoles(entry, code);
  }
  return chunksOf(denseContent(content, entry, code));
}

async function* contentWithHoles(entry: FileEntry, code?: string): AsyncGenerator<Uint8Array> {
  const { size, extents = [{ offset: 0, length: size }] } = entry;
  const reader = new ByteReader(contentChunks(entry));
  try {
    let at = 0;
    for (const { offset, length } of extents) {
      if (!(offset >= at && length >= 0 && offset + length <= size)) {
        throw wrongSize(entry, 'its extents overlap, or go past its end', code);
      }
      yield* zeroChunks(offset - at);
      for (let left = length; left > 0; ) {
        if (await reader.atEnd()) throw wrongSize(entry, 'its content ends too early', code);
        const piece = await reader.readSome(left);
        left -= piece.length;
        yield piece;
      }
      at = offset + length;
    }
    yield* zeroChunks(size - at);
    if (!(await reader.atEnd())) throw wrongSize(entry, 'its content goes on behind its end', code);
  } finally {
    await reader.close();
  }
}

/** Of a file without holes, the content is passed on as it comes. */
async function* denseContent(
  content: Items<Uint8Array>,
  entry: FileEntry,
  code?: string,
): AsyncGenerator<Piece> {
  let left = entry.size;
  for await (const piece of piecesOf(content)) {
    if (piece.length > left) throw wrongSize(entry, 'its content goes on behind its end', code);
    yield piece;
    left -= isFileRange(piece) ? piece.copied : piece.length;
  }
  if (left > 0) throw wrongSize(entry, 'its content ends too early', code);
}

/** All of it in one piece, for files that are known to be small. */
export async function readWholeContent(entry: FileEntry): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of wholeContent(entry)) chunks.push(Uint8Array.from(chunk));
  return Buffer.concat(chunks);
}

function wrongSize({ path, size }: FileEntry, why: string, code = 'TREE_CONTENT'): ArchiveError {
  const message = `${printableName(path)} should have ${size} bytes: ${why}`;
  return new ArchiveError(code, message, { entry: path });
}

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
  /** Bytes of the files so far. */
  bytes = 0;
  /** What `bytes` is when the current entry has been dealt with. */
  private bytesThen = 0;

  /** @param onProgress told of the bytes so far */
  constructor(private readonly onProgress?: OnProgress | undefined) {}

  get entries(): number {
    return Object.values(this.byType).reduce((sum, count) => sum + count);
  }

  get summary(): TreeSummary {
    return { entries: { ...this.byType }, bytes: this.bytes };
  }

  watch<Entry extends FileEntry>(entries: Items<Entry>): PullIterator<Entry> {
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
    if (bytes > 0) this.reach(Math.min(this.bytes + bytes, this.bytesThen));
  }

  private reach(bytes: number): void {
    this.bytes = bytes;
    this.onProgress?.(bytes);
  }
}

/** Counts the bytes of a content: each piece when its reader asks for the next one. */
class CountedContent implements ChunksInPieces {
  constructor(
    private readonly content: Items<Uint8Array>,
    private readonly count: (bytes: number) => void,
  ) {}

  [Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    return chunksOf(this.pieces());
  }

  async *pieces(): AsyncGenerator<Piece> {
    for await (const piece of piecesOf(this.content)) {
      const { length } = piece; // a chunk may have changed afterwards
      yield piece;
      this.count(isFileRange(piece) ? piece.copied : length);
    }
  }
}
