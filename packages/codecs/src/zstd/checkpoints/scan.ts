import { type ByteSource, EventLoopTurns, readChunks } from '@vzdump-format/streams';
import { checkedSpan, checkedWindowLog, type ScanOptions } from '../../codec.js';
import { HINT_CONVERT, MAX_SEGMENT_CONTENT, notSeekable, type Segment } from '../../seekable/segments.js';
import { frameDamage, LibraryError } from '../errors.js';
import { BLOCK_HEADER_SIZE, CHECKSUM_SIZE, type FrameHeader, MAX_BLOCK_SIZE } from '../format.js';
import { DEFAULT_MAX_WINDOW_LOG, type FrameStart, FrameWalker } from '../frames.js';
import { type BlockContent, SequenceParser } from './parser.js';
import { Candidates, firstPlace, type Place, tablesBehind } from './places.js';
import { proveContent } from './prove-content.js';
import { SpanBytes } from './span-memory.js';
import { SpanRecorder } from './span-recorder.js';

/** A checkpoint lies so near to where it is wanted, and as much behind it is weighed, in spans. */
const REACH = 1 / 8;
/** As much comes at a time. */
const READ_SIZE = 1 << 20;
const MAX_SPAN = MAX_SEGMENT_CONTENT - MAX_BLOCK_SIZE;

const RAW = 0;
const RUN = 1;

/** With a larger window spans are short, as memory for a window and three spans is needed. */
const LARGE_WINDOW = 64 << 20;
const MOST_SPAN_OF_LARGE_WINDOW = 8 << 20;

/**
 * Finds places to begin at in any zstd file, in one pass: what blocks refer to is read ahead, and
 * decompression follows one span behind, when it is known what of the window is needed. Each span is
 * decompressed as by the index. That this is right is proved by the checksum of the frame, or else by
 * decompressing everything again. Frames that are small, and say so, are parts as they are, unless the
 * content is wanted.
 * @throws `NOT_SEEKABLE` where no place can be had; what is wrong with the file
 */
export async function* scanZstd(source: ByteSource, options: ScanOptions = {}): AsyncGenerator<Segment> {
  const found: Segment[] = [];
  let needsProof = false;
  for await (const { segment, isProved } of scanFrames(source, options)) {
    const { dictionary, ...rest } = segment;
    found.push(rest);
    needsProof ||= !isProved && dictionary !== undefined;
    yield segment;
  }
  if (needsProof) await proveContent(source, found, options);
}

interface Found {
  readonly segment: Segment;
  /** Whether its frame has a checksum, which was right. */
  readonly isProved: boolean;
}

async function* scanFrames(source: ByteSource, options: ScanOptions): AsyncGenerator<Found> {
  const span = checkedSpan(options.span);
  const maxWindowLog = checkedWindowLog(options.maxWindowLog ?? DEFAULT_MAX_WINDOW_LOG);
  const chunks = readChunks(source, { signal: options.signal });
  const walker = new FrameWalker(chunks, maxWindowLog, options.onWarning);
  const recorder = await SpanRecorder.open(source.size, { ...options, maxWindowLog });
  try {
    let scan: FrameScan | undefined;
    for (let frame = await walker.next(); frame !== undefined; frame = await walker.next()) {
      const { contentSize, hasChecksum } = frame.header;
      const isSmall = contentSize !== undefined && contentSize <= span * (1 + 2 * REACH);
      if (isSmall && options.onContent === undefined) {
        yield { segment: await wholeFrame(walker, frame, contentSize), isProved: true };
      } else {
        scan ??= new FrameScan(
          recorder,
          span,
          new SpanBytes(Math.min(mostOf(span) / 4, source.size) + READ_SIZE),
        );
        for await (const segment of scan.run(walker, frame)) yield { segment, isProved: hasChecksum };
      }
    }
  } finally {
    await recorder.close();
    await walker.reader.close();
  }
}

async function wholeFrame(
  walker: FrameWalker,
  { offset, header }: FrameStart,
  contentSize: number,
): Promise<Segment> {
  for await (const part of walker.parts(header)) void part;
  const size = walker.reader.offset - offset;
  if (size <= MAX_SEGMENT_CONTENT) return { offset, size, contentSize, state: 0 };
  throw notSeekable(`a zstd frame takes ${size} bytes for ${contentSize} bytes of content`, HINT_CONVERT);
}

/** How much a span has, unless there is no place to end it. */
function mostOf(span: number): number {
  return Math.ceil(span * (1 + 2 * REACH)) + MAX_BLOCK_SIZE;
}

/** Goes through one frame after the other, and divides each into spans. */
class FrameScan {
  private readonly parser = new SequenceParser();
  private readonly candidates = new Candidates();
  private readonly turns = new EventLoopTurns();
  private windowSize = 0;
  /** Infinite where the header does not tell. */
  private contentSize = 0;
  private span = 0;
  /** Where the span under way begins, and where the scan is. */
  private from = firstPlace(0);
  private here = firstPlace(0);
  /** Whether it is time to look for the end of the span. */
  private isNearEnd = false;

  constructor(
    private readonly recorder: SpanRecorder,
    private readonly wantedSpan: number,
    private readonly bytes: SpanBytes,
  ) {}

  async *run(
    walker: FrameWalker,
    { offset, header, bytes: { length } }: FrameStart,
  ): AsyncGenerator<Segment> {
    this.begin(offset + length, header);
    for await (const { bytes } of walker.parts(header)) {
      this.bytes.append(bytes);
      while (this.readBlock()) if (this.canEndSpan()) await this.endSpan(this.bestPlace());
      yield* this.recorder.takeSegments();
      await this.turns.turn();
    }
    if (header.contentSize !== undefined && header.contentSize !== this.here.position) {
      throw frameDamage('the content is not as long as the header says', offset);
    }
    const checksum = header.hasChecksum ? this.bytes.takeLast(CHECKSUM_SIZE).readUInt32LE() : undefined;
    if (this.here.position > this.from.position) await this.record(this.here);
    await this.recorder.endFrame(checksum, this.here.offset);
    yield* this.recorder.takeSegments();
  }

  private begin(offset: number, { windowSize, contentSize = Number.POSITIVE_INFINITY }: FrameHeader): void {
    const most = windowSize > LARGE_WINDOW ? MOST_SPAN_OF_LARGE_WINDOW : Number.POSITIVE_INFINITY;
    this.span = Math.min(this.wantedSpan, most);
    this.windowSize = windowSize;
    this.contentSize = contentSize;
    this.from = firstPlace(offset);
    this.here = this.from;
    this.isNearEnd = false;
    this.bytes.clear();
    this.candidates.clear();
    this.parser.beginFrame(windowSize);
    this.recorder.beginFrame(windowSize, contentSize, mostOf(this.span));
  }

  /** @returns whether there was a whole one */
  private readBlock(): boolean {
    const { here, parser, candidates } = this;
    const block = this.bytes.nextBlock();
    if (block === undefined) return false;
    if (this.isNearEnd ? candidates.isEmpty : this.sinceFrom() >= this.span * (1 - REACH)) {
      this.beginRecording();
    }
    const content = this.contentOf(block);
    if (content.size > 0 && this.isCandidate()) candidates.add(here);
    candidates.follow(content);
    this.here = {
      position: here.position + content.size,
      offset: here.offset + block.length,
      progress: here.progress + Math.max(content.size, block.length),
      tables: tablesBehind(here.tables, content),
      repeats: content.tables === undefined ? here.repeats : parser.repeats,
    };
    if (this.here.position > this.contentSize) {
      throw frameDamage('there is more content than the header says', here.offset);
    }
    return true;
  }

  /** What was recorded before does not matter for the places that are still to come. */
  private beginRecording(): void {
    const { from, here, parser } = this;
    if (this.isNearEnd && from.position > 0) parser.markRecords(from.position, here.position);
    this.isNearEnd = true;
    parser.beginRecording();
  }

  private contentOf(block: Uint8Array): BlockContent {
    const header = block[0]! | (block[1]! << 8) | (block[2]! << 16);
    const [type, size] = [(header >> 1) & 3, header >>> 3];
    const most = Math.min(MAX_BLOCK_SIZE, this.windowSize);
    try {
      if (size > most) throw new LibraryError('a block is too large');
      if (type !== RAW && type !== RUN) return this.parser.read(block.subarray(BLOCK_HEADER_SIZE), most);
      this.parser.skip(size);
      return { size, tree: undefined, tables: undefined };
    } catch (error) {
      throw error instanceof LibraryError ? frameDamage(error.message, this.here.offset, error) : error;
    }
  }

  private sinceFrom(): number {
    return this.here.progress - this.from.progress;
  }

  /** In reach, or beyond it where there was none of use. */
  private isCandidate(): boolean {
    if (!this.isNearEnd || this.here.position === this.from.position) return false;
    return this.sinceFrom() <= this.span * (1 + REACH) || !this.candidates.hasUsable;
  }

  private canEndSpan(): boolean {
    if (this.sinceFrom() < this.span * (1 + 2 * REACH)) return false;
    if (this.candidates.hasUsable) return true;
    if (this.sinceFrom() <= MAX_SPAN) return false;
    const reason = this.candidates.isEmpty ? 'has no content' : 'repeats a table of one code';
    throw notSeekable(`this zstd file ${reason} for ${MAX_SPAN} bytes`, HINT_CONVERT);
  }

  /** Where the least is referred to from behind. */
  private bestPlace(): Place {
    const { places } = this.candidates;
    const weights = this.parser.weigh(places.map(({ position }) => position));
    const wanted = this.from.progress + this.span;
    const distance = (index: number) => Math.abs(places[index]!.progress - wanted);
    let best = 0;
    for (let index = 1; index < places.length; index++) {
      const difference = weights[index]! - weights[best]!;
      if (difference < 0 || (difference === 0 && distance(index) < distance(best))) best = index;
    }
    return places[best]!;
  }

  private async endSpan(to: Place): Promise<void> {
    await this.record(to);
    this.parser.beginMarking(to.position, this.windowSize);
    this.parser.markRecords(to.position, Number.MAX_SAFE_INTEGER);
    this.candidates.clear();
    this.from = to;
    this.isNearEnd = false;
  }

  private async record(to: Place): Promise<void> {
    const { from, parser, bytes, recorder, isNearEnd } = this;
    if (from.position > 0 && isNearEnd) parser.markRecords(from.position, to.position);
    await recorder.idle();
    recorder.add(from, to, bytes.takeSpan(to.offset - from.offset), parser.liveRuns());
  }
}
