import { ByteReader, type OnWarning } from '@vzdump-format/streams';
import { isPrefixOfAny, readTrailing } from '../trailing.js';
import { frameDamage, needsDictionary, truncated, windowTooLarge } from './errors.js';
import {
  BLOCK_HEADER_SIZE,
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

/** Some bytes of a frame. A block may come in several parts. */
export interface FramePart {
  readonly offset: number;
  /** Valid until the next part is asked for. */
  readonly bytes: Uint8Array;
  /** How many bytes come with this part before the next block does; 0 when it continues one. */
  readonly blockSize: number;
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

  /** Goes to the next frame, over skippable ones; the parts of the last must have been read. Undefined at the end. */
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

  /** The blocks and the checksum of the frame whose header was read. */
  async *parts(header: FrameHeader): AsyncGenerator<FramePart> {
    for (let last = false; !last; ) {
      const offset = this.reader.offset;
      const bytes = await this.read(BLOCK_HEADER_SIZE);
      const block = decodeBlockHeader(bytes);
      const { storedSize } = block;
      if (storedSize === undefined || storedSize > MAX_BLOCK_SIZE) throw frameDamage('invalid block', offset);
      yield { offset, bytes, blockSize: BLOCK_HEADER_SIZE + storedSize };
      yield* this.continued(storedSize);
      ({ last } = block);
    }
    if (header.hasChecksum) yield* this.continued(CHECKSUM_SIZE);
  }

  private async *continued(size: number): AsyncGenerator<FramePart> {
    for (let left = size; left > 0; ) {
      const { offset } = this.reader;
      if (await this.reader.atEnd()) throw truncated(offset);
      const bytes = await this.reader.readSome(left);
      left -= bytes.length;
      yield { offset, bytes, blockSize: 0 };
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
