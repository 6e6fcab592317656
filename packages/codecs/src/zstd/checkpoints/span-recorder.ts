import xxhash from 'xxhash-wasm';
import { defaultReadThreads, type ScanOptions } from '../../codec.js';
import { contentChecksums, type Segment } from '../../seekable/segments.js';
import { copyTo, type SharedMemory, sharedMemory } from '../../shared-memory.js';
import type { FrameCompressor, FrameDecompressor } from '../engine.js';
import { checkedEngineName, loadEngine } from '../engines.js';
import { decoderError, LibraryError } from '../errors.js';
import type { Hash } from '../plain/decoder.js';
import { encodeDictionaryHead } from './dictionary.js';
import { FrameHistory } from './history.js';
import type { LiveRun } from './parser.js';
import type { Place } from './places.js';
import { completeSpan, SPAN_STATE, windowDescriptor } from './span.js';
import { encodeState } from './window.js';

/** Where a span begins or ends. */
type Edge = Pick<Place, 'position' | 'offset'>;

const STATE_LEVEL = 3;

/**
 * Decompresses spans one after the other, each as whoever enters the file there will, but with all of the
 * window; and makes segments of them, with what has to be known at their beginnings.
 */
export class SpanRecorder {
  private readonly history = new FrameHistory();
  private windowSize = 0;
  private hash: Hash;
  private underWay: Promise<void> = Promise.resolve();

  private constructor(
    private readonly segments: Segment[],
    private readonly decompressor: FrameDecompressor,
    private readonly compressor: FrameCompressor,
    private readonly newHash: () => Hash,
    private readonly onContent?: (content: Uint8Array) => void,
  ) {
    this.hash = newHash();
  }

  /** @param segments what the spans are added to */
  static async open(segments: Segment[], maxWindowLog: number, options: ScanOptions): Promise<SpanRecorder> {
    const engine = await loadEngine(checkedEngineName(options.engine));
    const common = { threads: defaultReadThreads(options.threads), signal: options.signal };
    return new SpanRecorder(
      segments,
      engine.frameDecompressor({ ...common, maxWindowLog }),
      engine.frameCompressor({ ...common, level: STATE_LEVEL }),
      (await xxhash()).create64,
      options.onContent,
    );
  }

  beginFrame(windowSize: number): void {
    this.windowSize = windowSize;
    this.history.beginFrame(windowSize);
    this.hash = this.newHash();
  }

  /**
   * Waits for the span before this one.
   * @param frame the blocks, and room for a header in front of them
   * @param live what of the window is needed
   * @throws what is wrong with the span before
   */
  async add(from: Place, to: Edge, frame: SharedMemory, live: Iterable<LiveRun>): Promise<void> {
    await this.underWay;
    if (from.position === 0) {
      this.underWay = this.decode(from, to, frame);
    } else {
      const head = encodeDictionaryHead(from.tables, from.repeats);
      const state = encodeState(head, this.history.window, live);
      this.underWay = this.decode(from, to, frame, { head, state });
    }
    this.underWay.catch(() => {}); // awaited with the next one
  }

  /** @throws `ZSTD_CHECKSUM`; what is wrong with the last span */
  async endFrame(checksum: number | undefined, offset: number): Promise<void> {
    await this.underWay;
    if (checksum === undefined || Number(this.hash.digest() & 0xffff_ffffn) === checksum) return;
    throw decoderError(new LibraryError("the content doesn't match checksum"), offset);
  }

  async close(): Promise<void> {
    await this.underWay.catch(() => {});
    this.decompressor.close();
    this.compressor.close();
  }

  private async decode(
    from: Edge,
    to: Edge,
    frame: SharedMemory,
    checkpoint?: { readonly head: Uint8Array; readonly state: Uint8Array },
  ): Promise<void> {
    const contentSize = to.position - from.position;
    const descriptor = windowDescriptor(this.windowSize);
    const output = this.history.reserve(contentSize);
    const dictionary = checkpoint && this.history.dictionary(checkpoint.head);
    try {
      completeSpan(frame, descriptor, contentSize);
      const piece = { buffer: frame, length: frame.length, output, first: true, last: true, dictionary };
      const decoding = this.decompressor.decompress(piece);
      const packing = checkpoint && this.packed(checkpoint.state);
      const [result, packed] = await Promise.all([decoding, packing]);
      if (result.length !== contentSize) throw new LibraryError('a block holds less than it says');
      if (result.output.buffer !== output.buffer) copyTo(output, result.output.subarray(0, contentSize), 0);
      this.history.append(contentSize);
      this.hash.update(output);
      this.onContent?.(output);
      this.segments.push({
        offset: from.offset,
        size: to.offset - from.offset,
        contentSize,
        state: SPAN_STATE | descriptor,
        ...(packed && { dictionary: packed }),
        checksums: contentChecksums(output),
      });
    } catch (error) {
      throw error instanceof LibraryError ? decoderError(error, from.offset) : error;
    }
  }

  private async packed(state: Uint8Array): Promise<Uint8Array> {
    const buffer = sharedMemory(state.length);
    copyTo(buffer, state, 0);
    const room = sharedMemory(state.length + (state.length >> 7) + 1024);
    const { output, length } = await this.compressor.compress({ buffer, length: state.length }, room);
    return output.slice(0, length);
  }
}
