import { ArchiveError, type ByteReader } from '@vzdump-format/streams';
import {
  CHUNK_ERROR_BIT,
  CHUNK_LENGTH_SIZE,
  ChunkType,
  decodeBlockStatus,
  decodeDataOffset,
  decodeErrorChunk,
  decodeHole,
  decodeU32,
  describeError,
  MAX_CHUNKS,
  MAX_MESSAGE_SIZE,
  MAX_STATUS_SIZE,
  type ReplyHeader,
  type StatusExtent,
  violation,
} from './protocol.js';

/** A request that waits for its reply, or for the rest of it. */
export abstract class PendingRequest {
  /** Set when the caller has been told that it failed: its buffer is no longer ours. */
  withdrawn = false;
  failure: ArchiveError | undefined;
  private chunks = 0;

  constructor(
    readonly offset: number,
    readonly length: number,
    readonly settle: (error?: ArchiveError) => void,
  ) {}

  /** Takes what follows the header of a simple reply that is not an error. */
  abstract receiveSimple(reader: ByteReader): Promise<void>;
  /** Takes the data of a chunk that is neither an error nor NONE. */
  protected abstract receiveContent(reader: ByteReader, type: number, length: number): Promise<void>;
  /** @throws `NBD_PROTOCOL` when the reply is over and something is missing. */
  protected abstract requireComplete(): void;
  protected abstract failed(reason: string): ArchiveError;

  /** Takes the rest of one reply. @returns whether it was the last of this request. */
  async receive(reader: ByteReader, header: ReplyHeader): Promise<boolean> {
    if (header.kind === 'chunk') return this.receiveChunk(reader, header.type, header.done);
    if (header.error !== 0) this.failure = this.failed(describeError(header.error));
    else await this.receiveSimple(reader);
    return true;
  }

  private async receiveChunk(reader: ByteReader, type: number, done: boolean): Promise<boolean> {
    if (++this.chunks > MAX_CHUNKS) throw violation(`more than ${MAX_CHUNKS} chunks in a reply`);
    const length = decodeU32(await reader.read(CHUNK_LENGTH_SIZE));
    if ((type & CHUNK_ERROR_BIT) !== 0) {
      if (length > MAX_MESSAGE_SIZE) throw violation(`an error chunk of ${length} bytes`);
      this.failure ??= this.failed(decodeErrorChunk(await reader.read(length)));
    } else if (type === ChunkType.none) {
      if (length !== 0 || !done) throw violation('a NONE chunk that has data or is not the last');
    } else {
      await this.receiveContent(reader, type, length);
    }
    if (done && this.failure === undefined) this.requireComplete();
    return done;
  }
}

/** A read, received straight into the caller's buffer. */
export class PendingRead extends PendingRequest {
  private readonly coverage: Coverage;

  constructor(
    private readonly target: Uint8Array,
    offset: number,
    private readonly structured: boolean,
    settle: (error?: ArchiveError) => void,
  ) {
    super(offset, target.length, settle);
    this.coverage = new Coverage(offset, offset + target.length);
  }

  override async receiveSimple(reader: ByteReader): Promise<void> {
    if (this.structured) throw violation('a simple reply to a read where chunks were agreed on');
    await this.fill(reader, this.target);
  }

  protected override async receiveContent(reader: ByteReader, type: number, length: number): Promise<void> {
    if (type === ChunkType.offsetData && length > 8 && length - 8 <= this.length) {
      const offset = decodeDataOffset(await reader.read(8));
      await this.fill(reader, this.claim(offset, length - 8));
    } else if (type === ChunkType.offsetHole && length === 12) {
      const hole = decodeHole(await reader.read(length));
      this.claim(hole.offset, hole.length).fill(0);
    } else {
      throw violation(`a chunk of type ${type} and ${length} bytes in reply to a read of ${this.length}`);
    }
  }

  protected override requireComplete(): void {
    if (!this.coverage.complete) throw violation('the reply to a read does not cover all of it');
  }

  protected override failed(reason: string): ArchiveError {
    return new ArchiveError('NBD_READ', `the NBD server cannot read ${this.length} bytes: ${reason}`, {
      offset: this.offset,
    });
  }

  /** The part of the buffer that a chunk is for. */
  private claim(offset: number, length: number): Uint8Array {
    this.requireWanted();
    if (!this.coverage.add(offset, offset + length)) {
      throw violation(`a chunk for ${length} bytes at ${offset}, which were not asked for or came before`);
    }
    return this.target.subarray(offset - this.offset, offset - this.offset + length);
  }

  private async fill(reader: ByteReader, part: Uint8Array): Promise<void> {
    for (let filled = 0; filled < part.length; ) {
      const bytes = await reader.readSome(part.length - filled);
      this.requireWanted();
      part.set(bytes, filled);
      filled += bytes.length;
    }
  }

  private requireWanted(): void {
    if (this.withdrawn) throw violation('the read was given up');
  }
}

/** A question about which parts are zeros. */
export class PendingStatus extends PendingRequest {
  extents: readonly StatusExtent[] = [];

  constructor(
    offset: number,
    length: number,
    private readonly contextId: number,
    settle: (error?: ArchiveError) => void,
  ) {
    super(offset, length, settle);
  }

  override async receiveSimple(): Promise<void> {
    throw violation('a simple reply to a question about block status');
  }

  protected override async receiveContent(reader: ByteReader, type: number, length: number): Promise<void> {
    if (type !== ChunkType.blockStatus || length > MAX_STATUS_SIZE || this.extents.length > 0) {
      throw violation(
        `a chunk of type ${type} and ${length} bytes in reply to a question about block status`,
      );
    }
    const { contextId, extents } = decodeBlockStatus(await reader.read(length));
    if (contextId !== this.contextId) throw violation(`block status of the unknown context ${contextId}`);
    if (extents.some((extent) => extent.length === 0)) throw violation('an empty extent in a block status');
    this.extents = extents;
  }

  protected override requireComplete(): void {
    if (this.extents.length === 0) throw violation('a reply without the block status asked for');
  }

  protected override failed(reason: string): ArchiveError {
    return new ArchiveError('NBD_BLOCK_STATUS', `the NBD server cannot tell the block status: ${reason}`, {
      offset: this.offset,
    });
  }
}

interface Part {
  readonly start: number;
  readonly end: number;
}

/** Which parts of a range have come. In the usual order they merge into one part at once. */
export class Coverage {
  /** Sorted, disjoint, no two adjacent. */
  private readonly parts: Part[] = [];

  constructor(
    private readonly start: number,
    private readonly end: number,
  ) {}

  /** @returns whether the part lies within the range, is not empty and meets nothing that came before. */
  add(start: number, end: number): boolean {
    if (start < this.start || end > this.end || start >= end) return false;
    let index = this.parts.length;
    while (index > 0 && this.parts[index - 1]!.start >= end) index--;
    const before = this.parts[index - 1];
    const after = this.parts[index];
    if (before !== undefined && before.end > start) return false;
    const joinsBefore = before?.end === start;
    const joinsAfter = after?.start === end;
    const joined = { start: joinsBefore ? before.start : start, end: joinsAfter ? after.end : end };
    this.parts.splice(index - (joinsBefore ? 1 : 0), (joinsBefore ? 1 : 0) + (joinsAfter ? 1 : 0), joined);
    return true;
  }

  get complete(): boolean {
    const [first] = this.parts;
    return first !== undefined && first.start === this.start && first.end === this.end;
  }
}
