import { ArchiveError, type Stage } from '@vzdump-format/streams';
import binding, { type DCtx } from 'zstd-napi/binding.js';
import type { DecompressOptions } from '../codec.js';
import { EventLoopTurns } from '../event-loop.js';
import { decoderError, frameDamage } from './errors.js';
import { DEFAULT_MAX_WINDOW_LOG, FrameWalker } from './frames.js';

const OUTPUT_SIZE = 1 << 20;

/** All frames, one after the other; skippable frames are passed over. */
export function decompressZstd(options: DecompressOptions = {}): Stage {
  const maxWindowLog = checkedWindowLog(options.maxWindowLog);
  return async function* unzstd(source) {
    const walker = new FrameWalker(source, maxWindowLog, options.onWarning);
    const decoder = new Decoder(maxWindowLog, options);
    try {
      for (let frame = await walker.next(); frame !== undefined; frame = await walker.next()) {
        decoder.begin();
        yield* decoder.feed(frame);
        for await (const part of walker.parts(frame.header)) yield* decoder.feed(part);
        if (!decoder.done) throw frameDamage('the frame ends too early', walker.reader.offset);
      }
      yield* decoder.flush();
    } finally {
      await walker.reader.close();
    }
  };
}

/** Drives the library, which is done with a call when its input is used up or its output is full. */
class Decoder {
  done = true;
  private readonly context: DCtx = new binding.DCtx();
  private readonly turns = new EventLoopTurns();
  private output = Buffer.allocUnsafeSlow(OUTPUT_SIZE);
  private filled = 0;

  constructor(
    maxWindowLog: number,
    private readonly options: DecompressOptions,
  ) {
    this.context.setParameter(binding.DParameter.windowLogMax, maxWindowLog);
  }

  begin(): void {
    this.context.reset(binding.ResetDirective.sessionOnly);
    this.done = false;
  }

  async *feed({ bytes, offset }: { bytes: Uint8Array; offset: number }): AsyncGenerator<Uint8Array> {
    let used = 0;
    for (let wasFull = false; used < bytes.length || (wasFull && !this.done); ) {
      this.options.signal?.throwIfAborted();
      if (this.done) throw frameDamage('data behind the end of the frame', offset);
      used += this.decode(bytes.subarray(used), offset);
      wasFull = this.filled === OUTPUT_SIZE;
      if (wasFull) yield* this.flush();
    }
    await this.turns.turn();
  }

  async *flush(): AsyncGenerator<Uint8Array> {
    if (this.filled === 0) return;
    yield this.output.subarray(0, this.filled);
    if (!this.options.reuseBuffers) this.output = Buffer.allocUnsafeSlow(OUTPUT_SIZE);
    this.filled = 0;
  }

  private decode(input: Uint8Array, offset: number): number {
    try {
      const [hint, produced, consumed] = this.context.decompressStream(
        this.output.subarray(this.filled),
        input,
      );
      this.filled += produced;
      this.done = hint === 0;
      return consumed;
    } catch (error) {
      throw decoderError(error, offset);
    }
  }
}

function checkedWindowLog(maxWindowLog = DEFAULT_MAX_WINDOW_LOG): number {
  if (Number.isInteger(maxWindowLog) && maxWindowLog >= 10 && maxWindowLog <= 31) return maxWindowLog;
  throw new ArchiveError('CODEC_WINDOW', `a zstd window has 2^10 to 2^31 bytes, not 2^${maxWindowLog}`);
}
