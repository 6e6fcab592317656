import { type Stage, stageOf } from './stage.js';

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
