import type { RateLimiter } from '../stage/throttle.js';
import type { ByteRange, ByteSource } from './byte-source.js';

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
