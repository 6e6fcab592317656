import { copyShort, copyTo, type SharedMemory, sharedMemory } from '../../shared-memory.js';
import { BLOCK_HEADER_SIZE, decodeBlockHeader } from '../format.js';
import { SPAN_HEADER_SIZE } from './span.js';

/** The blocks of a span as they come, with room before them for its header. */
export class SpanBytes {
  private memory: SharedMemory;
  /** Of the span before, which is decompressed while this one comes. */
  private former: SharedMemory = sharedMemory(0);
  /** Where the next block begins, and where the bytes end. */
  private at = SPAN_HEADER_SIZE;
  private end = SPAN_HEADER_SIZE;
  private isLast = false;

  /** @param size of the memory, which grows where it has to */
  constructor(size: number) {
    this.memory = sharedMemory(Math.ceil(size));
  }

  clear(): void {
    this.isLast = false;
    this.at = SPAN_HEADER_SIZE;
    this.end = SPAN_HEADER_SIZE;
  }

  append(bytes: Uint8Array): void {
    if (this.end + bytes.length > this.memory.length) {
      const memory = sharedMemory(Math.max(this.memory.length * 2, this.end + bytes.length));
      copyTo(memory, this.memory.subarray(0, this.end), 0);
      this.memory = memory;
    }
    copyTo(this.memory, bytes, this.end);
    this.end += bytes.length;
  }

  /** Goes to the next block. @returns its header and what it holds; undefined while it is not whole */
  nextBlock(): Uint8Array | undefined {
    const start = this.at;
    if (this.isLast || this.end - start < BLOCK_HEADER_SIZE) return undefined;
    const { last, storedSize } = decodeBlockHeader(this.memory, start);
    const end = start + BLOCK_HEADER_SIZE + storedSize!; // the walker has checked it
    if (end > this.end) return undefined;
    this.isLast = last;
    this.at = end;
    return this.memory.subarray(start, end);
  }

  /** Takes the last of the bytes. */
  takeLast(count: number): Buffer {
    this.end -= count;
    return Buffer.from(this.memory.slice(this.end, this.end + count));
  }

  /** Takes the first blocks. @returns room for a header, and these; valid until the next are taken */
  takeSpan(size: number): SharedMemory {
    const { memory, at, end } = this;
    const cut = SPAN_HEADER_SIZE + size;
    const next = this.former.length < memory.length ? sharedMemory(memory.length) : this.former;
    copyTo(next, memory.subarray(cut, end), SPAN_HEADER_SIZE);
    [this.memory, this.former] = [next, memory];
    this.at = at - size;
    this.end = end - size;
    return memory.subarray(0, cut);
  }
}

/** Some content in memory, in one piece. */
interface Stretch {
  /** In the content of the frame. */
  readonly position: number;
  readonly length: number;
  /** In the memory. */
  readonly at: number;
}

/**
 * The last of a frame's content, in memory that goes round: at least the window, and the last two spans. Each
 * span has a place of its own, in one piece, for the library to decompress it to.
 *
 * There is room for that, and for two spans more. So wherever a span goes, as many bytes as it takes are lost
 * of the oldest, and as many at the end of the memory where it did not fit; never what is needed still.
 */
export class FrameHistory {
  private memory: SharedMemory = sharedMemory(0);
  private stretches: Stretch[] = [];
  private windowSize = 0;
  private mostSpan = 0;
  /** Where the content ends. */
  private position = 0;

  /** @param mostSpan how large spans are, most likely */
  beginFrame(windowSize: number, mostSpan: number): void {
    this.windowSize = windowSize;
    this.mostSpan = mostSpan;
    this.position = 0;
    this.stretches = [];
    if (this.memory.length < this.room) this.memory = sharedMemory(this.room);
  }

  /**
   * Memory for the next of the content. What comes more than two spans and a window before its end is lost.
   */
  reserve(length: number): SharedMemory {
    if (length > this.mostSpan) this.grow(length);
    const last = this.stretches.at(-1);
    const behind = last === undefined ? 0 : last.at + last.length;
    const at = behind + length <= this.memory.length ? behind : 0;
    this.forget(at, at + length);
    this.stretches.push({ position: this.position, length, at });
    this.position += length;
    return this.memory.subarray(at, at + length);
  }

  /** Copies content that is still there. */
  copy(start: number, end: number, target: Uint8Array, to: number): void {
    for (let from = start; from < end; ) {
      const stretch = this.stretchAt(from);
      const at = stretch.at + from - stretch.position;
      const length = Math.min(end, stretch.position + stretch.length) - from;
      copyShort(this.memory, at, length, target, to + from - start);
      from += length;
    }
  }

  /** The memory is touched, and so takes up any, only as the content grows. */
  private get room(): number {
    return Math.max(this.windowSize, 2 * this.mostSpan) + this.mostSpan;
  }

  /** What stands there, and what is older. */
  private forget(start: number, end: number): void {
    const last = this.stretches.findLastIndex((old) => old.at < end && start < old.at + old.length);
    if (last < 0) return;
    const { position, at, length } = this.stretches[last]!;
    const lost = Math.min(end - at, length);
    const rest = { position: position + lost, at: at + lost, length: length - lost };
    this.stretches.splice(0, last + 1, ...(rest.length > 0 ? [rest] : []));
  }

  private stretchAt(position: number): Stretch {
    let low = 0;
    let high = this.stretches.length;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if (this.stretches[middle]!.position <= position) low = middle;
      else high = middle;
    }
    const stretch = this.stretches[low];
    if (stretch === undefined || position < stretch.position) throw new RangeError('the content is gone');
    return stretch;
  }

  /** For spans that are larger than expected. */
  private grow(mostSpan: number): void {
    const start = Math.max(this.stretches[0]?.position ?? 0, this.position - this.windowSize);
    this.mostSpan = mostSpan;
    const memory = sharedMemory(this.room);
    this.copy(start, this.position, memory, 0);
    this.memory = memory;
    const length = this.position - start;
    this.stretches = length === 0 ? [] : [{ position: start, length, at: 0 }];
  }
}
