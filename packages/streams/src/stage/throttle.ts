import { setTimeout as sleep } from 'node:timers/promises';
import type { ByteRange, ByteSource } from '../source/byte-source.js';
import { isFileRange, pieceStage } from '../source/file-range.js';
import type { Stage } from './stage.js';

/** Bytes are let through in portions worth this many seconds, so a changed limit is felt as soon. */
const PORTION_SECONDS = 0.05;
/** What may be caught up after a pause (a slow disk, a busy machine). */
const BURST_SECONDS = 0.1;

/**
 * Bandwidth as time: what is let through at a rate takes so long, and the next begins when that is over.
 * Streams that share one limiter take turns, and share the bandwidth. A changed limit holds for what is taken
 * from then on.
 */
export class RateLimiter {
  /** When all that was taken is paid for, by `performance.now()`. */
  private paidAt = 0;
  private rate = 0;
  private taken = 0;

  /** @param bytesPerSecond 0 = unlimited. */
  constructor(bytesPerSecond: number) {
    this.bytesPerSecond = bytesPerSecond;
  }

  get bytesPerSecond(): number {
    return this.rate;
  }

  /** May be changed while running. @throws RangeError for a negative or non-finite rate. */
  set bytesPerSecond(value: number) {
    if (!(value >= 0 && Number.isFinite(value))) throw new RangeError(`not a rate: ${value} bytes a second`);
    if (this.rate === 0) this.paidAt = performance.now();
    this.rate = value;
  }

  /** Bytes that were taken so far, under whatever limit. */
  get passed(): number {
    return this.taken;
  }

  /** Charges the bytes that passed before there was a limit: whoever takes next waits for them, too. */
  chargePassed(): void {
    if (this.rate > 0) this.charge(this.taken);
  }

  /** How many bytes to take in one go: all, when unlimited. */
  portion(length: number): number {
    return this.rate === 0 ? length : Math.min(length, Math.max(1, Math.ceil(this.rate * PORTION_SECONDS)));
  }

  /** Waits until `length` bytes, a `portion`, may pass. */
  async take(length: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    this.taken += length;
    if (this.rate === 0) return;
    const due = this.charge(length);
    for (let wait = due - performance.now(); this.rate > 0 && wait > 0; wait = due - performance.now()) {
      await sleep(Math.ceil(Math.min(wait, PORTION_SECONDS * 1000)), undefined, { signal });
    }
  }

  /** Waits until `length` bytes, however many, may pass; others that share the limiter get their turns. */
  async takeAll(length: number, signal?: AbortSignal): Promise<void> {
    for (let taken = 0; taken < length; ) {
      const portion = this.portion(length - taken);
      await this.take(portion, signal);
      taken += portion;
    }
  }

  /** @returns when it is paid for */
  private charge(length: number): number {
    const earliest = performance.now() - BURST_SECONDS * 1000;
    this.paidAt = Math.max(this.paidAt, earliest) + (length / this.rate) * 1000;
    return this.paidAt;
  }
}

/**
 * Lets bytes through no faster than the limiter allows; ranges of files only without a limit.
 * @param limit a limiter, or bytes a second (0 = unlimited)
 */
export function throttle(limit: RateLimiter | number, options: { signal?: AbortSignal } = {}): Stage {
  const limiter = typeof limit === 'number' ? new RateLimiter(limit) : limit;
  return pieceStage(async function* throttled(pieces) {
    for await (const piece of pieces) {
      if (isFileRange(piece)) {
        if (limiter.bytesPerSecond > 0) continue;
        yield piece;
        await limiter.take(piece.copied, options.signal);
        continue;
      }
      for (let start = 0; start < piece.length; ) {
        const portion = piece.subarray(start, start + limiter.portion(piece.length - start));
        await limiter.take(portion.length, options.signal);
        yield portion;
        start += portion.length;
      }
    }
  }, options.signal);
}

/** What is read in one go is a multiple of this, so that every block is read once. */
const BLOCK = 4096;

/**
 * A source that is read no faster than the limiter allows. Holes, which are not read, cost nothing. However
 * much is asked for, it is read little by little, so that a source that fails meanwhile is noticed.
 */
export class ThrottledSource implements ByteSource {
  readonly size: number;
  readonly nextData?: (offset: number) => Promise<ByteRange | undefined>;

  constructor(
    private readonly source: ByteSource,
    private readonly limiter: RateLimiter,
    private readonly signal?: AbortSignal,
  ) {
    this.size = source.size;
    if (source.nextData) this.nextData = (offset) => source.nextData!(offset);
  }

  async read(buffer: Uint8Array, offset: number): Promise<number> {
    let done = 0;
    while (done < buffer.length) {
      const portion = this.limiter.portion(buffer.length - done);
      const part = buffer.subarray(done, done + Math.ceil(portion / BLOCK) * BLOCK);
      await this.limiter.takeAll(part.length, this.signal);
      const got = await this.source.read(part, offset + done);
      done += got;
      if (got < part.length) break;
    }
    return done;
  }

  async changed(): Promise<boolean> {
    return (await this.source.changed?.()) ?? false;
  }

  close(): Promise<void> {
    return this.source.close();
  }
}
