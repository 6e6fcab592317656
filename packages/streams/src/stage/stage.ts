import { ClaimedSource } from './claimed-source.js';

/**
 * One step of a pipeline: bytes in, bytes out. `stream.pipeline` takes it as it is.
 *
 * A chunk is borrowed: it is valid until the next one is asked for, and not to be written to. Stages and
 * sinks of this toolkit need it no longer. Who keeps chunks, as a Node stream does in its queue, puts `owned`
 * in between.
 */
export type Stage<In = Uint8Array, Out = Uint8Array> = (source: AsyncIterable<In>) => AsyncGenerator<Out>;

/** What a stage does with its source, written from top to bottom. */
type Work<In, Out> = (source: AsyncIterable<In>) => AsyncGenerator<Out>;

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
  source: AsyncIterable<In>,
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
