import { copyShort, type SharedMemory, sharedMemory } from '../../shared-memory.js';

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
