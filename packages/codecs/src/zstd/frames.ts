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

export interface FramePart {
  readonly offset: number;
  /** Valid until the next part is asked for. */
  readonly bytes: Uint8Array;
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
    let offset = this.reader.offset;
    let bytes = await this.read(BLOCK_HEADER_SIZE);
    for (;;) {
      const { last, storedSize } = decodeBlockHeader(bytes.subarray(-BLOCK_HEADER_SIZE));
      const at = this.reader.offset - BLOCK_HEADER_SIZE;
      if (storedSize === undefined || storedSize > MAX_BLOCK_SIZE) throw frameDamage('invalid block', at);
      yield { offset, bytes };
      // With a block goes what follows it: a part for each header would double the number of calls.
      const follows = last ? (header.hasChecksum ? CHECKSUM_SIZE : 0) : BLOCK_HEADER_SIZE;
      offset = this.reader.offset;
      bytes = await this.read(storedSize + follows);
      if (last) break;
    }
    if (bytes.length > 0) yield { offset, bytes };
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
