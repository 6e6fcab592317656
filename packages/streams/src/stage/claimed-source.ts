import { Readable } from 'node:stream';

/**
 * A source that is let go of in any case: also before its first item was asked for, when neither a generator
 * nor a stream would hear of it, and by an abort while it stalls. An abort comes before anything else that
 * the source has to say.
 */
export class ClaimedSource<T> implements AsyncIterableIterator<T> {
  private iterator: AsyncIterator<T> | undefined;
  private isWaiting = false;
  private isOver = false;

  constructor(
    private readonly source: AsyncIterable<T>,
    private readonly signal?: AbortSignal | undefined,
  ) {}

  async next(): Promise<IteratorResult<T>> {
    const { signal, source } = this;
    if (this.isOver) return { done: true, value: undefined };
    try {
      signal?.throwIfAborted();
      this.iterator ??= source[Symbol.asyncIterator]();
      this.isWaiting = true;
      const pulled = this.iterator.next();
      const result = await (signal === undefined ? pulled : untilAborted(pulled, signal));
      this.isWaiting = false;
      if (result.done) this.isOver = true;
      return result;
    } catch (error) {
      if (signal?.aborted) await this.return();
      this.isOver = true;
      throw signal?.aborted ? signal.reason : error;
    }
  }

  async return(_value?: unknown): Promise<IteratorResult<T>> {
    if (!this.isOver) {
      this.isOver = true;
      await this.close();
    }
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** What it is waiting for, after an abort, may never come: a generator would close after that. */
  private async close(): Promise<void> {
    const { source, iterator, isWaiting } = this;
    if (source instanceof Readable && (isWaiting || iterator === undefined)) {
      source.destroy();
      return;
    }
    const closed = (iterator ?? source[Symbol.asyncIterator]()).return?.();
    if (isWaiting) closed?.catch(() => {});
    else await closed;
  }
}

/** What the promise gives, unless the signal is aborted before. */
export function untilAborted<Result>(promise: Promise<Result>, signal: AbortSignal): Promise<Result> {
  return new Promise<Result>((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
