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
