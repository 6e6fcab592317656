import { ByteReader, type OnWarning } from '@vzdump-format/streams';
import { isPrefixOfAny, readTrailing } from '../trailing.js';
import { frameDamage, needsDictionary, truncated, windowTooLarge } from './errors.js';
import {
  BLOCK_HEADER_SIZE,
  type BlockHeader,
  CHECKSUM_SIZE,
  decodeBlockHeader,
  decodeFrameHeader,
  FRAME_MAGIC,
  type FrameHeader,
  headerRestSize,
  MAGIC_SIZE,
  MAX_BLOCK_SIZE,
  ZSTD_MAGICS,
} from './format.js';

export const DEFAULT_MAX_WINDOW_LOG = 27;

export interface FrameStart {
  /** In the compressed stream. */
  readonly offset: number;
  readonly header: FrameHeader;
  /** The header's bytes, magic included. */
  readonly bytes: Uint8Array;
}

/** Some bytes of a frame: blocks, or more of the last one, or the checksum. */
export interface FramePart {
  readonly offset: number;
  /** Valid until the next part is asked for. */
  readonly bytes: Uint8Array;
  /** How many blocks begin with it. */
  readonly blocks: number;
  /** How many bytes come with this part before the next block does; 0 when it continues one. */
  readonly size: number;
}

/** How much is wanted of a frame in one part, which has a block at least. */
export interface PartRoom {
  readonly blocks: number;
  readonly bytes: number;
}

const UNLIMITED: PartRoom = { blocks: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY };

interface FoundBlocks {
  readonly part: FramePart;
  readonly endsFrame: boolean;
}

/**
 * Finds the frames of a zstd stream without decompressing them, so that truncation, garbage and damaged
 * headers are seen exactly where they are.
 */
export class FrameWalker {
  readonly reader: ByteReader;
  private frames = 0;

  constructor(
    source: AsyncIterable<Uint8Array>,
    private readonly maxWindowLog = DEFAULT_MAX_WINDOW_LOG,
    private readonly onWarning?: OnWarning,
  ) {
    this.reader = new ByteReader(source);
  }

  /**
   * Goes to the next frame, over skippable ones; the parts of the last must have been read. Undefined at the
   * end.
   */
  async next(): Promise<FrameStart | undefined> {
    for (;;) {
      if (this.frames > 0 && (await this.reader.atEnd())) return undefined;
      const offset = this.reader.offset;
      const magic = await this.readMagic();
      if (magic === undefined) return undefined;
      this.frames++;
      if (magic.readUInt32LE() === FRAME_MAGIC) return this.readHeader(offset, magic);
      await this.skipFrame();
    }
  }

  /** The blocks and the checksum of the frame whose header was read; `room` is asked before each part. */
  async *parts(header: FrameHeader, room = (): PartRoom => UNLIMITED): AsyncGenerator<FramePart> {
    for (let last = false; !last; ) {
      const { part, endsFrame } = this.blocksAtHand(room()) ?? (await this.acrossChunks());
      yield part;
      yield* this.continued(part.size - part.bytes.length);
      last = endsFrame;
    }
    if (header.hasChecksum) yield* this.continued(CHECKSUM_SIZE);
  }

  /** The blocks that begin in the chunk at hand, so that small ones do not cost a turn each. */
  private blocksAtHand(room: PartRoom): FoundBlocks | undefined {
    const { offset, atHand, position, available } = this.reader;
    let blocks = 0;
    let size = 0;
    let endsFrame = false;
    while (!endsFrame && available - size >= BLOCK_HEADER_SIZE) {
      const block = decodeBlockHeader(atHand, position + size);
      const end = size + BLOCK_HEADER_SIZE + (block.storedSize ?? Number.POSITIVE_INFINITY);
      if (blocks > 0 && (!isValid(block) || blocks >= room.blocks || end > room.bytes)) break;
      if (!isValid(block)) throw frameDamage('invalid block', offset);
      blocks++;
      size = end;
      endsFrame = block.last;
    }
    if (blocks === 0) return undefined;
    const length = Math.min(size, available);
    const bytes = atHand.subarray(position, position + length);
    this.reader.advance(length);
    return { part: { offset, bytes, blocks, size }, endsFrame };
  }

  /** A block whose header does not lie in one chunk. */
  private async acrossChunks(): Promise<FoundBlocks> {
    const { offset } = this.reader;
    const bytes = await this.read(BLOCK_HEADER_SIZE);
    const block = decodeBlockHeader(bytes);
    if (!isValid(block)) throw frameDamage('invalid block', offset);
    const size = BLOCK_HEADER_SIZE + block.storedSize;
    return { part: { offset, bytes, blocks: 1, size }, endsFrame: block.last };
  }

  private async *continued(size: number): AsyncGenerator<FramePart> {
    for (let left = size; left > 0; ) {
      const { offset } = this.reader;
      if (await this.reader.atEnd()) throw truncated(offset);
      const bytes = await this.reader.readSome(left);
      left -= bytes.length;
      yield { offset, bytes, blocks: 0, size: 0 };
    }
  }

  /** The four bytes, or undefined at the end of the data, when only padding was left. */
  private async readMagic(): Promise<Buffer | undefined> {
    const offset = this.reader.offset;
    const magic = Buffer.from(await this.reader.readUpTo(MAGIC_SIZE));
    if (isPrefixOfAny(magic, ZSTD_MAGICS)) {
      if (magic.length < MAGIC_SIZE) throw truncated(this.reader.offset);
      return magic;
    }
    if (this.frames === 0) throw frameDamage('not a zstd frame', offset);
    await readTrailing(this.reader, { prefix: 'ZSTD', end: offset, first: magic, onWarning: this.onWarning });
    return undefined;
  }

  private async readHeader(offset: number, magic: Uint8Array): Promise<FrameStart> {
    const descriptor = (await this.read(1))[0]!;
    if ((descriptor & 0x08) !== 0) throw frameDamage('a reserved bit is set in the header', offset);
    const rest = await this.read(headerRestSize(descriptor));
    const header = decodeFrameHeader(descriptor, rest);
    if (header.dictionaryId !== 0) throw needsDictionary(header.dictionaryId, offset);
    if (header.windowSize > 2 ** this.maxWindowLog) {
      throw windowTooLarge(header.windowSize, this.maxWindowLog, offset);
    }
    return { offset, header, bytes: Buffer.concat([magic, Uint8Array.of(descriptor), rest]) };
  }

  private async skipFrame(): Promise<void> {
    let left = Buffer.from(await this.read(4)).readUInt32LE();
    while (left > 0) {
      if (await this.reader.atEnd()) throw truncated(this.reader.offset);
      left -= (await this.reader.readSome(Math.min(left, 1 << 20))).length;
    }
  }

  private async read(length: number): Promise<Uint8Array> {
    const bytes = await this.reader.readUpTo(length);
    if (bytes.length < length) throw truncated(this.reader.offset);
    return bytes;
  }
}

function isValid(block: BlockHeader): block is BlockHeader & { readonly storedSize: number } {
  return block.storedSize !== undefined && block.storedSize <= MAX_BLOCK_SIZE;
}
