import type { Stage } from '@vzdump-format/streams';
import binding, { type CCtx, type EndDirective } from 'zstd-napi/binding.js';
import type { CompressOptions, LevelRange } from '../codec.js';
import { EventLoopTurns } from '../event-loop.js';
import { checkedLevel, checkedThreads } from '../options.js';

/** As `zstd -1` … `zstd --ultra -22`. */
export const ZSTD_LEVELS: LevelRange = { min: 1, max: 22, default: 3 };

const OUTPUT_SIZE = 1 << 20;
/** So little goes in at a time that a call stays short at every level. */
const INPUT_SIZE = 128 * 1024;

/** One frame with a content checksum, of unknown content size, as `zstd` makes it of a pipe. */
export function compressZstd(options: CompressOptions = {}): Stage {
  const level = checkedLevel('zstd', ZSTD_LEVELS, options.level);
  const threads = checkedThreads(options.threads);
  return async function* zstded(source) {
    const encoder = new Encoder(level, threads, options);
    for await (const chunk of source) {
      for (let start = 0; start < chunk.length; start += INPUT_SIZE) {
        yield* encoder.feed(chunk.subarray(start, start + INPUT_SIZE), binding.EndDirective.continue);
      }
    }
    yield* encoder.feed(new Uint8Array(0), binding.EndDirective.end);
  };
}

class Encoder {
  private readonly context: CCtx = new binding.CCtx();
  private readonly turns = new EventLoopTurns();
  private output = Buffer.allocUnsafeSlow(OUTPUT_SIZE);
  private filled = 0;

  constructor(
    level: number,
    threads: number,
    private readonly options: CompressOptions,
  ) {
    this.context.setParameter(binding.CParameter.compressionLevel, level);
    this.context.setParameter(binding.CParameter.checksumFlag, 1);
    if (threads > 1) this.context.setParameter(binding.CParameter.nbWorkers, threads);
  }

  async *feed(input: Uint8Array, directive: EndDirective): AsyncGenerator<Uint8Array> {
    let used = 0;
    for (let more = true; more; ) {
      this.options.signal?.throwIfAborted();
      const [left, produced, consumed] = this.context.compressStream2(
        this.output.subarray(this.filled),
        input.subarray(used),
        directive,
      );
      used += consumed;
      this.filled += produced;
      more = directive === binding.EndDirective.end ? left > 0 : used < input.length;
      if (
        this.filled === OUTPUT_SIZE ||
        (this.filled > 0 && !more && directive === binding.EndDirective.end)
      ) {
        yield this.output.subarray(0, this.filled);
        if (!this.options.reuseBuffers) this.output = Buffer.allocUnsafeSlow(OUTPUT_SIZE);
        this.filled = 0;
      }
    }
    await this.turns.turn();
  }
}
