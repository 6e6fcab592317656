import type { ByteRange, ByteSource } from './byte-source.js';
import type { RateLimiter } from './throttle.js';

/** A source that is read no faster than the limiter allows. Holes, which are not read, cost nothing. */
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
    for (let taken = 0; taken < buffer.length; ) {
      const portion = this.limiter.portion(buffer.length - taken);
      await this.limiter.take(portion, this.signal);
      taken += portion;
    }
    return this.source.read(buffer, offset);
  }

  async changed(): Promise<boolean> {
    return (await this.source.changed?.()) ?? false;
  }

  close(): Promise<void> {
    return this.source.close();
  }
}
