import { isFileRange, pieceStage } from '../source/file-range.js';
import { type Stage, stageOf } from './stage.js';

/**
 * Told how far a long call is.
 * @param bytes of guest data dealt with so far: of drives, or of the contents of files; zeros and holes count
 * @param total what they come to in the end, where that is known
 */
export type OnProgress = (bytes: number, total?: number) => void;

export interface Progress {
  readonly bytes: number;
  /** Expected in all, when known. */
  readonly total: number | undefined;
  readonly elapsedSeconds: number;
  /** Mean over the whole time. */
  readonly bytesPerSecond: number;
  /** At the mean rate; unknown without a total, or before anything moved. */
  readonly remainingSeconds: number | undefined;
}

/** Counts bytes and tells rate and remaining time. */
export class Meter {
  private count = 0;
  private readonly startedAt: number;

  /** @param now a clock in milliseconds. */
  constructor(
    private readonly total?: number,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.startedAt = now();
  }

  add(bytes: number): void {
    this.count += bytes;
  }

  get progress(): Progress {
    const elapsedSeconds = (this.now() - this.startedAt) / 1000;
    const bytesPerSecond = elapsedSeconds > 0 ? this.count / elapsedSeconds : 0;
    const known = this.total !== undefined && bytesPerSecond > 0;
    return {
      bytes: this.count,
      total: this.total,
      elapsedSeconds,
      bytesPerSecond,
      remainingSeconds: known ? Math.max(0, this.total - this.count) / bytesPerSecond : undefined,
    };
  }
}

/** Counts what passes, or is copied. */
export function metered(meter: Meter): Stage {
  return pieceStage(async function* counted(pieces) {
    for await (const piece of pieces) {
      if (!isFileRange(piece)) meter.add(piece.length);
      yield piece;
      if (isFileRange(piece)) meter.add(piece.copied);
    }
  });
}

export interface HashingStage extends Stage {
  /** Hexadecimal. @throws Error while bytes are still passing. */
  digest(): string;
}

/** Passes bytes on and computes their digest on the way. @param algorithm as `crypto.createHash` names it. */
export function hashing(algorithm: string): HashingStage {
  const hash = process.getBuiltinModule('node:crypto').createHash(algorithm);
  let result: string | undefined;
  async function* hashed(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of source) {
      hash.update(chunk);
      yield chunk;
    }
    result = hash.digest('hex');
  }
  return Object.assign(stageOf(hashed), {
    digest: () => {
      if (result === undefined) throw new Error('the digest is known only when all bytes have passed');
      return result;
    },
  });
}

/**
 * Passes chunks on, and lets an observer read the same chunks: each is passed on when the observer has asked
 * for the next. An observer that fails ends the stream with its error; the stream ends when both are done.
 */
export function observed(observe: (chunks: AsyncIterable<Uint8Array>) => Promise<unknown>): Stage {
  return stageOf(async function* observedStage(source: AsyncIterable<Uint8Array>) {
    const relay = new Relay();
    const observation = observe(relay);
    observation.catch(() => {}); // awaited below
    try {
      for await (const chunk of source) {
        await Promise.race([relay.offer(chunk), observation]);
        yield chunk;
      }
      relay.end();
      await observation;
    } finally {
      relay.end();
    }
  });
}

/** Hands chunks from one side to another that reads them as an iterable, one at a time. */
class Relay implements AsyncIterable<Uint8Array> {
  private waiting: ((result: IteratorResult<Uint8Array>) => void) | undefined;
  private offered: { readonly chunk: Uint8Array; readonly used: () => void } | undefined;
  private inUse: (() => void) | undefined;
  private ended = false;

  /** Resolves when the other side is done with the chunk. */
  offer(chunk: Uint8Array): Promise<void> {
    return new Promise((used) => {
      this.offered = { chunk, used };
      this.handOver();
    });
  }

  end(): void {
    this.ended = true;
    this.handOver();
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return {
      next: () => {
        this.inUse?.();
        this.inUse = undefined;
        return new Promise((resolve) => {
          this.waiting = resolve;
          this.handOver();
        });
      },
    };
  }

  private handOver(): void {
    if (this.waiting === undefined) return;
    if (this.offered !== undefined) {
      this.waiting({ done: false, value: this.offered.chunk });
      this.inUse = this.offered.used;
    } else if (this.ended) {
      this.waiting({ done: true, value: undefined });
    } else {
      return;
    }
    this.offered = undefined;
    this.waiting = undefined;
  }
}
