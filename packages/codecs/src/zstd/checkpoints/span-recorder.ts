import { defaultReadThreads, type ScanOptions } from '../../codec.js';
import type { Segment } from '../../seekable/segments.js';
import { copyTo, type SharedMemory, sharedMemory } from '../../shared-memory.js';
import type { FrameCompressor, FrameDecompressor } from '../engine.js';
import { checkedEngineName, loadEngine } from '../engines.js';
import { decoderError, LibraryError } from '../errors.js';
import { type ContentHasher, contentHasher } from './content-hasher.js';
import { encodeDictionaryHead } from './dictionary.js';
import type { LiveRun } from './parser.js';
import type { Place } from './places.js';
import { completeSpan, SPAN_STATE, windowDescriptor, windowSizeOf } from './span.js';
import { FrameHistory } from './span-memory.js';
import { dictionaryOf, encodeState } from './window.js';

/** Where a span begins or ends. */
type Edge = Pick<Place, 'position' | 'offset'>;

/** A span to decompress. */
interface Span {
  readonly from: Edge;
  readonly to: Edge;
  readonly frame: SharedMemory;
  readonly state: SharedMemory | undefined;
  readonly output: SharedMemory;
}

const STATE_LEVEL = 3;

/**
 * Decompresses spans one after the other, each as whoever enters the file there will: by the state that the
 * index has, without the rest of the window. So each checkpoint is tested as it is made, and the checksum of
 * the frame proves them all. Segments are made of the spans, in order.
 */
export class SpanRecorder {
  private readonly history = new FrameHistory();
  private windowSize = 0;
  private segments: Segment[] = [];
  private decoding: Promise<void> = Promise.resolve();
  private packing: Promise<Uint8Array | undefined> = Promise.resolve(undefined);
  private readonly stateMemory = new GrowingMemory();
  private readonly packedMemory = new GrowingMemory();
  /** The segments of the last two spans are under way. */
  private formerSegment: Promise<void> = Promise.resolve();
  private lastSegment: Promise<void> = Promise.resolve();

  private constructor(
    private readonly decompressor: FrameDecompressor,
    private readonly compressor: FrameCompressor,
    private readonly hasher: ContentHasher,
    private readonly onContent?: (content: Uint8Array) => Promise<void>,
  ) {}

  static async open(
    fileSize: number,
    options: ScanOptions & { readonly maxWindowLog: number },
  ): Promise<SpanRecorder> {
    const engine = await loadEngine(checkedEngineName(options.engine));
    const { signal, maxWindowLog } = options;
    const common = { threads: defaultReadThreads(options.threads), signal };
    return new SpanRecorder(
      engine.frameDecompressor({ ...common, maxWindowLog }),
      engine.frameCompressor({ ...common, level: STATE_LEVEL }),
      await contentHasher(fileSize, signal),
      options.onContent,
    );
  }

  /** @param mostSpan how large spans are, most likely */
  beginFrame(windowSize: number, contentSize: number, mostSpan: number): void {
    this.windowSize = windowSize;
    this.history.beginFrame(Math.min(windowSize, contentSize), Math.min(mostSpan, contentSize));
    this.hasher.beginFrame().catch(() => {}); // the calls behind it fail likewise
  }

  /**
   * Waits until the span before has been decompressed, so that the memory of its blocks is free, and what is
   * needed of its content is there.
   * @throws what is wrong with it
   */
  async idle(): Promise<void> {
    await this.decoding;
    await this.packing;
    await this.formerSegment;
  }

  /**
   * Begins with the next span, as soon as this is `idle`.
   * @param frame the blocks, and room for a header in front of them
   * @param live what of the window is needed
   */
  add(from: Place, to: Edge, frame: SharedMemory, live: Iterable<LiveRun>): void {
    const state = from.position === 0 ? undefined : this.encodeState(from, live);
    const output = this.history.reserve(to.position - from.position);
    const span = { from, to, frame, state, output };
    this.decoding = this.decode(span);
    this.packing = this.packed(state);
    this.formerSegment = this.lastSegment;
    this.lastSegment = this.finish(span, this.decoding, this.packing, this.formerSegment);
    for (const each of [this.packing, this.lastSegment]) each.catch(() => {}); // awaited in turn
  }

  /** The segments that are done, and were not taken before. */
  takeSegments(): Segment[] {
    return this.segments.splice(0);
  }

  /** @throws `ZSTD_CHECKSUM`; what is wrong with the last span */
  async endFrame(checksum: number | undefined, offset: number): Promise<void> {
    await this.lastSegment;
    if (checksum === undefined || (await this.hasher.endFrame()) === checksum) return;
    throw decoderError(new LibraryError("the content doesn't match checksum"), offset);
  }

  async close(): Promise<void> {
    await this.lastSegment.catch(() => {});
    this.decompressor.close();
    this.compressor.close();
    this.hasher.close();
  }

  private encodeState(place: Place, live: Iterable<LiveRun>): SharedMemory {
    const head = encodeDictionaryHead(place.tables, place.repeats);
    const size = Math.min(place.position, this.windowSize);
    const start = place.position - size;
    const copy = (run: LiveRun, target: Uint8Array, at: number) =>
      this.history.copy(start + run.start, start + run.end, target, at);
    return encodeState(head, size, live, copy, (length) => this.stateMemory.take(length));
  }

  private async decode({ from, frame, state, output }: Span): Promise<void> {
    const descriptor = windowDescriptor(this.windowSize);
    try {
      completeSpan(frame, descriptor, output.length);
      const dictionary = state && dictionaryOf(asBuffer(state), windowSizeOf(descriptor));
      const piece = { buffer: frame, length: frame.length, output, first: true, last: true, dictionary };
      const result = await this.decompressor.decompress(piece);
      if (dictionary !== undefined) free(dictionary);
      if (result.length !== output.length) throw new LibraryError('a block holds less than it says');
      if (result.output.buffer !== output.buffer) copyTo(output, result.output.subarray(0, output.length), 0);
    } catch (error) {
      throw error instanceof LibraryError ? decoderError(error, from.offset) : error;
    }
    await this.onContent?.(output);
  }

  /** Makes a segment of a span, when it is decompressed, and the one before is made. */
  private async finish(
    { from, to, output }: Span,
    decoding: Promise<void>,
    packing: Promise<Uint8Array | undefined>,
    former: Promise<void>,
  ): Promise<void> {
    await decoding;
    const checksums = await this.hasher.add(output);
    await former;
    const dictionary = await packing;
    this.segments.push({
      offset: from.offset,
      size: to.offset - from.offset,
      contentSize: output.length,
      state: SPAN_STATE | windowDescriptor(this.windowSize),
      ...(dictionary && { dictionary }),
      checksums,
    });
  }

  private async packed(state: SharedMemory | undefined): Promise<Uint8Array | undefined> {
    if (state === undefined) return undefined;
    const { length } = state;
    const room = this.packedMemory.take(length + (length >> 7) + 1024);
    const { output, length: packedLength } = await this.compressor.compress({ buffer: state, length }, room);
    return output.slice(0, packedLength);
  }
}

/** Memory that is used again. */
class GrowingMemory {
  private memory: SharedMemory = sharedMemory(0);

  take(length: number): SharedMemory {
    if (this.memory.length < length) this.memory = sharedMemory(Math.ceil(length * 1.25));
    return this.memory.subarray(0, length);
  }
}

/**
 * Gives memory back at once, from Node 22 on. Of a window of 128 MiB, of which a tenth is touched, the
 * garbage collector lets three or four pile up.
 */
function free({ buffer }: Uint8Array<ArrayBuffer>): void {
  (buffer as { transfer?: (size: number) => ArrayBuffer }).transfer?.(0);
}

function asBuffer(memory: SharedMemory): Buffer {
  return Buffer.from(memory.buffer, memory.byteOffset, memory.length);
}
