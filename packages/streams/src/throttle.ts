import { setTimeout as sleep } from 'node:timers/promises';
import type { Stage } from './stage.js';

/** Bytes are let through in portions worth this many seconds, so a changed limit is felt as soon. */
const PORTION_SECONDS = 0.05;
/** What may be caught up after a pause (a slow disk, a busy machine). */
const BURST_SECONDS = 0.1;

/** A token bucket in bytes a second. Several streams that share one limiter share the bandwidth. */
export class RateLimiter {
  private tokens = 0;
  private filledAt = performance.now();
  private rate = 0;

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
    this.refill();
    this.rate = value;
  }

  /** How many bytes to take in one go: all, when unlimited. */
  portion(length: number): number {
    return this.rate === 0 ? length : Math.min(length, Math.max(1, Math.ceil(this.rate * PORTION_SECONDS)));
  }

  /** Waits until `length` bytes may pass. */
  async take(length: number, signal?: AbortSignal): Promise<void> {
    this.refill();
    this.tokens -= length;
    while (this.rate > 0 && this.tokens < 0) {
      const seconds = Math.min(-this.tokens / this.rate, PORTION_SECONDS);
      await sleep(Math.ceil(seconds * 1000), undefined, { signal });
      this.refill();
    }
    signal?.throwIfAborted();
  }

  private refill(): void {
    const now = performance.now();
    const earned = this.rate * ((now - this.filledAt) / 1000);
    this.filledAt = now;
    this.tokens = this.rate === 0 ? 0 : Math.min(this.tokens + earned, this.rate * BURST_SECONDS);
  }
}

/** Lets bytes through no faster than the limiter allows. @param limit a limiter, or bytes a second (0 = unlimited). */
export function throttle(limit: RateLimiter | number, options: { signal?: AbortSignal } = {}): Stage {
  const limiter = typeof limit === 'number' ? new RateLimiter(limit) : limit;
  return async function* throttled(source) {
    for await (const chunk of source) {
      for (let start = 0; start < chunk.length; ) {
        const portion = chunk.subarray(start, start + limiter.portion(chunk.length - start));
        await limiter.take(portion.length, options.signal);
        yield portion;
        start += portion.length;
      }
    }
  };
}
