import { Readable } from 'node:stream';
import { type Items, iteratorOf } from './items.js';

/**
 * One step of a pipeline: bytes in, bytes out. `stream.pipeline` takes it as it is.
 *
 * A chunk is borrowed: it is valid until the next one is asked for, and not to be written to. Stages and
 * sinks of this toolkit need it no longer. Who keeps chunks, as a Node stream does in its queue, puts `owned`
 * in between.
 */
export type Stage<In = Uint8Array, Out = Uint8Array> = (source: Items<In>) => AsyncGenerator<Out>;

/** What a stage does with its source, written from top to bottom. A `Stage` is one, too. */
export type Work<In, Out> = (source: AsyncIterable<In>) => AsyncGenerator<Out>;

/**
 * Makes a stage of a generator. However it ends, its source is let go of, even when the first chunk was never
 * asked for, or came before the source was; and an abort is heeded at once, whatever the source is waiting
 * for.
 */
export function stageOf<In, Out>(work: Work<In, Out>, signal?: AbortSignal | undefined): Stage<In, Out> {
  return (source) => runStage(source, work, signal);
}

/** The same for one source. */
export function runStage<In, Out>(
  source: Items<In>,
  work: Work<In, Out>,
  signal?: AbortSignal | undefined,
): AsyncGenerator<Out> {
  return new StageRun(new ClaimedSource(source, signal), work, signal);
}

class StageRun<In, Out> implements AsyncGenerator<Out> {
  private readonly output: AsyncGenerator<Out>;

  constructor(
    private readonly source: ClaimedSource<In>,
    work: Work<In, Out>,
    private readonly signal: AbortSignal | undefined,
  ) {
    this.output = work(source);
  }

  async next(): Promise<IteratorResult<Out>> {
    const { signal } = this;
    try {
      signal?.throwIfAborted();
      const result = await this.output.next();
      signal?.throwIfAborted();
      if (result.done) await this.source.return();
      return result;
    } catch (error) {
      await this.return();
      throw signal?.aborted ? signal.reason : error;
    }
  }

  async return(_value?: unknown): Promise<IteratorResult<Out>> {
    try {
      return await this.output.return(undefined);
    } finally {
      await this.source.return();
    }
  }

  async throw(error: unknown): Promise<IteratorResult<Out>> {
    try {
      return await this.output.throw(error);
    } finally {
      await this.source.return();
    }
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

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
    private readonly source: Items<T>,
    private readonly signal?: AbortSignal | undefined,
  ) {}

  async next(): Promise<IteratorResult<T>> {
    const { signal, source } = this;
    if (this.isOver) return { done: true, value: undefined };
    try {
      signal?.throwIfAborted();
      this.iterator ??= iteratorOf(source);
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
    const closed = (iterator ?? iteratorOf(source)).return?.();
    if (isWaiting) closed?.catch(() => {});
    else await closed;
  }
}

/** What the promise gives, unless the signal is aborted before. */
function untilAborted<Result>(promise: Promise<Result>, signal: AbortSignal): Promise<Result> {
  return new Promise<Result>((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
