import { Duplex } from 'node:stream';
import { ClaimedSource } from './claimed-source.js';

/**
 * One step of a pipeline: bytes in, bytes out. `stream.pipeline` takes it as it is.
 *
 * A chunk belongs to whoever received it, for as long as they like, unless the stage that made it was asked
 * to `reuseBuffers`: then it is valid only until the next chunk is asked for, and not to be written to.
 * Stages of this toolkit never need a chunk for longer than that, so a pipeline that ends in one of its sinks
 * may reuse throughout.
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

/**
 * Wraps a stage as a Node Duplex. Both its sides are in object mode: what is written reaches the stage as it
 * is, and what the stage yields, bytes or records, is read as it is. A Duplex holds chunks back, so none may
 * be reused.
 */
export function toDuplex(stage: Stage<never, unknown>): Duplex {
  return Duplex.from(stage as (source: AsyncIterable<unknown>) => AsyncIterable<unknown>);
}
