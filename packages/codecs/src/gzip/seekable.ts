import { promisify } from 'node:util';
import type { ZlibOptions } from 'node:zlib';
import {
  ArchiveError,
  ByteReader,
  type ByteSource,
  EventLoopTurns,
  readChunks,
} from '@vzdump-format/streams';
import { checkedSpan, defaultReadThreads, type ScanOptions, type SeekableOptions } from '../codec.js';
import type { ContentSoFar } from '../seekable/segment-content.js';
import type { SegmentDecoder } from '../seekable/segmented-source.js';
import {
  HINT_CONVERT,
  MAX_SEGMENT_CONTENT,
  notSeekable,
  PieceChecksums,
  type Segment,
} from '../seekable/segments.js';
import { checkTrailer, nextMember } from './decompress.js';
import { BITS_LEFT, BlockFinder, fromBit } from './deflate-blocks.js';
import { nodeEngine, throughZlib } from './engine-node.js';
import { truncated, WINDOW_SIZE } from './format.js';
import { NeededWindow } from './needed-window.js';

const { constants, crc32, createInflateRaw, inflateRaw, inflateRawSync } =
  process.getBuiltinModule('node:zlib');

/** A deflate block may be large: there is none of zstd's choice of places. */
const DEFAULT_SPAN = 4 * 1024 * 1024;
const INPUT_SIZE = 64 * 1024;
/** What the bits of the byte in which a segment ends may decompress to. */
const EXCESS = 64 * 1024;
const NOTHING = new Uint8Array(0);
/** So much content comes at a time where little of it may be wanted. */
const PIECE_SIZE = 256 * 1024;

/** Finds places to begin at, by decompressing the file once. Checksums are checked on the way. */
export async function* scanGzip(source: ByteSource, options: ScanOptions = {}): AsyncGenerator<Segment> {
  const span = checkedSpan(options.span ?? DEFAULT_SPAN);
  const reader = new ByteReader(readChunks(source, { signal: options.signal }));
  for (let members = 0; await nextMember(reader, nodeEngine, members, options); members++) {
    yield* new MemberScan(reader, span, options.onContent).run();
  }
}

/** Goes through the deflate data of one member. */
class MemberScan {
  private readonly finder = new BlockFinder();
  private readonly turns = new EventLoopTurns();
  private crc = 0;
  private length = 0;
  /** Of the segment that has begun. */
  private begin: Pick<Segment, 'offset' | 'state'>;
  private beginLength = 0;
  /** What has to be known there; undefined at the beginning of a member. */
  private window: NeededWindow | undefined;
  private lastByte = new Uint8Array(0);
  private readonly checksums = new PieceChecksums();

  /** Those that have ended since they were taken last. */
  private readonly segments: Segment[] = [];

  constructor(
    private readonly reader: ByteReader,
    private readonly span: number,
    private readonly onContent?: (content: Uint8Array) => Promise<void>,
  ) {
    this.begin = { offset: reader.offset, state: 0 };
  }

  async *run(): AsyncGenerator<Segment> {
    const { finder, reader } = this;
    while (!finder.ended) {
      if (await reader.atEnd()) throw truncated(reader.offset);
      const piece = await reader.readSome(INPUT_SIZE);
      finder.input = piece;
      await this.scanPiece(piece, reader.offset);
      yield* this.segments.splice(0);
      if (finder.ended) reader.unread(piece.subarray(piece.length - finder.inputLeft));
    }
    this.endSegment(reader.offset);
    yield* this.segments.splice(0);
    await checkTrailer(reader, this.crc, this.length);
  }

  /** @param end where the piece ends in the file. */
  private async scanPiece(piece: Uint8Array, end: number): Promise<void> {
    const { finder } = this;
    while (finder.inputLeft > 0 && !finder.ended) {
      const at = piece.length - finder.inputLeft;
      const content = this.step(end - finder.inputLeft);
      const taken = piece.subarray(at, piece.length - finder.inputLeft);
      if (this.window?.isKnown === false) this.window.add(taken, content);
      if (taken.length > 0) this.lastByte = taken.slice(-1);
      this.addUp(content);
      if (content.length > 0) await this.onContent?.(content);
      if (finder.atBlock && this.length - this.beginLength >= this.span) {
        this.beginSegment(end - finder.inputLeft);
      }
      await this.turns.turn();
    }
  }

  private beginSegment(offset: number): void {
    this.endSegment(offset);
    const { bitsLeft: state, lookback } = this.finder;
    this.begin = { offset: state > 0 ? offset - 1 : offset, state };
    this.beginLength = this.length;
    this.window = new NeededWindow(lookback, state, state > 0 ? this.lastByte : NOTHING);
  }

  private step(offset: number): Uint8Array {
    try {
      return this.finder.step();
    } catch (error) {
      const { message } = error as Error;
      throw new ArchiveError('GZIP_DATA', `damaged gzip data: ${message}`, { offset, cause: error });
    }
  }

  private addUp(content: Uint8Array): void {
    if (content.length === 0) return; // node:zlib may take no bytes for a fresh start
    this.crc = crc32(content, this.crc);
    this.checksums.add(content);
    this.length += content.length;
  }

  private endSegment(end: number): void {
    const contentSize = this.length - this.beginLength;
    if (contentSize > MAX_SEGMENT_CONTENT) {
      throw notSeekable(`a deflate block holds ${contentSize} bytes`, HINT_CONVERT);
    }
    const size = end - this.begin.offset;
    const checksums = this.checksums.take();
    if (contentSize === 0) return;
    const dictionary = this.window?.dictionary();
    this.segments.push({ ...this.begin, size, contentSize, checksums, ...(dictionary && { dictionary }) });
  }
}

const inflated = promisify<Uint8Array, object, Buffer>(inflateRaw);

/** Decompresses segments on Node's thread pool. */
export function gzipSegmentDecoder(options: SeekableOptions): SegmentDecoder {
  return {
    threads: defaultReadThreads(options.threads),
    async decode(compressed, segment) {
      const { contentSize } = segment;
      try {
        const content = await inflated(atByte(compressed, segment), {
          ...inflateOptions(segment),
          chunkSize: Math.max(1024, contentSize + EXCESS),
          maxOutputLength: contentSize + EXCESS,
        });
        return content.subarray(0, contentSize);
      } catch (error) {
        throw damaged(error, segment.offset);
      }
    },
    decodeInPieces: inflateInPieces,
    mismatch: ({ offset }) =>
      new ArchiveError('GZIP_CRC', 'the gzip data is not what it was when its index was made', {
        offset,
        hint: 'the file is damaged, or has changed since',
      }),
  };
}

async function* inflateInPieces(source: ByteSource, segment: Segment, output: Uint8Array): ContentSoFar {
  const { offset, contentSize } = segment;
  let done = 0;
  try {
    const inflate = createInflateRaw({ ...inflateOptions(segment), chunkSize: PIECE_SIZE });
    for await (const part of throughZlib(inflate, bytesOf(source, segment))) {
      const content = part.subarray(0, contentSize - done);
      output.set(content, done);
      done += content.length;
      if (content.length > 0) yield output.subarray(0, done);
      if (done === contentSize) return;
    }
  } catch (error) {
    throw damaged(error, offset);
  }
}

async function* bytesOf(source: ByteSource, segment: Segment): AsyncGenerator<Uint8Array> {
  const { offset: start, size } = segment;
  const options = { start, end: start + size, chunkSize: INPUT_SIZE, readAhead: 0 };
  let isFirst = true;
  for await (const chunk of readChunks(source, options)) {
    yield isFirst ? atByte(chunk, segment) : chunk;
    isFirst = false;
  }
}

function inflateOptions({ dictionary }: Segment): ZlibOptions {
  const options = { finishFlush: constants.Z_SYNC_FLUSH }; // it ends in the middle of the data
  if (dictionary === undefined) return options;
  return { ...options, dictionary: inflateRawSync(dictionary, { maxOutputLength: WINDOW_SIZE }) };
}

/** Data of a segment, from its first bit on. */
function atByte(data: Uint8Array, { state }: Segment): Uint8Array {
  const bitsLeft = state & BITS_LEFT;
  return bitsLeft === 0 ? data : fromBit(data, bitsLeft);
}

function damaged(error: unknown, offset: number): Error {
  if (error instanceof ArchiveError) return error;
  const { message } = error as Error;
  return new ArchiveError('GZIP_DATA', `damaged gzip data: ${message}`, { offset, cause: error });
}
