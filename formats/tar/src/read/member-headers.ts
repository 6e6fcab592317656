import { ByteReader } from '@vzdump-format/streams';
import { type ArchiveReader, skipContent } from './archive-reader.js';
import { MemberReader } from './member-reader.js';

/** The headers of a member, and where they stand in the archive. */
export interface LocatedHeaders {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/**
 * Picks the members' headers out of an archive that passes by: what `openTar` reads of all of it, and the
 * mark of its end. Whoever keeps them can open it again without going through it. Where the archive is
 * damaged, or is none, it ends, and `openTar` tells why.
 *
 * @returns what takes all chunks in order, and gives the headers that end in each; a chunk is its caller's
 * again when they are there
 */
export function collectMemberHeaders(): (chunk: Uint8Array) => Promise<LocatedHeaders[]> {
  const chunks = new PushedChunks();
  const found: LocatedHeaders[] = [];
  collect(new RecordingReader(new ByteReader(chunks)), found)
    .catch(() => {}) // it is for openTar to tell
    .finally(() => chunks.stop());
  return async (chunk) => {
    await chunks.push(chunk);
    return found.splice(0);
  };
}

/** Longer ones, as of a sparse file in a thousand pieces, are read when they are needed. */
const LONGEST_KEPT = 64 * 1024;

async function collect(reader: RecordingReader, found: LocatedHeaders[]): Promise<void> {
  const members = new MemberReader(reader, undefined);
  for (;;) {
    const { offset } = reader;
    const member = await members.next();
    const bytes = reader.takeRecorded();
    if (bytes.length <= LONGEST_KEPT) found.push({ offset, bytes });
    if (member === undefined) return;
    await skipContent(reader, member.storedSize);
  }
}

/** Remembers the bytes that are taken, but for those that are skipped. */
class RecordingReader implements ArchiveReader {
  private recorded: Buffer[] = [];

  constructor(private readonly reader: ByteReader) {}

  get offset(): number {
    return this.reader.offset;
  }

  get atHand(): Uint8Array {
    return this.reader.atHand;
  }

  get position(): number {
    return this.reader.position;
  }

  get available(): number {
    return this.reader.available;
  }

  advance(length: number): void {
    const { atHand, position } = this.reader;
    this.recorded.push(Buffer.from(atHand.subarray(position, position + length)));
    this.reader.advance(length);
  }

  async readUpTo(length: number): Promise<Uint8Array> {
    const bytes = await this.reader.readUpTo(length);
    this.recorded.push(Buffer.from(bytes));
    return bytes;
  }

  skip(length: number): Promise<void> {
    return this.reader.skip(length);
  }

  takeRecorded(): Buffer {
    return Buffer.concat(this.recorded.splice(0));
  }
}

/** Chunks that are pushed by one side and asked for by the other, each used up before the next is taken. */
class PushedChunks implements AsyncIterableIterator<Uint8Array> {
  private onAsked: () => void = () => {};
  private give: ((chunk: IteratorResult<Uint8Array>) => void) | undefined;
  private isStopped = false;

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Uint8Array>> {
    return new Promise((resolve) => {
      this.give = resolve;
      this.onAsked();
    });
  }

  /** Is done when the chunk is used up. */
  async push(chunk: Uint8Array): Promise<void> {
    if (this.give === undefined && !this.isStopped) await this.asked();
    if (this.isStopped) return;
    const { give } = this;
    this.give = undefined;
    const usedUp = this.asked();
    give!({ value: chunk, done: false });
    await usedUp;
  }

  stop(): void {
    this.isStopped = true;
    this.onAsked();
  }

  private asked(): Promise<void> {
    return new Promise((resolve) => {
      this.onAsked = resolve;
    });
  }
}
