import { Duplex } from 'node:stream';
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

/**
 * Gives each chunk memory of its own, so that it may be kept: a stage for those who collect chunks, or pass
 * them on to a Node stream.
 * @example
 * await pipeline(createReadStream('a.zst'), codec('zstd').decompress(), owned, createWriteStream('a'));
 */
export function owned(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  return new OwnedChunks(chunks);
}

/** No generator, whose `return` would wait for the chunk that is asked for. */
class OwnedChunks<T> implements AsyncGenerator<T> {
  private readonly items: AsyncIterator<T>;

  constructor(items: AsyncIterable<T>) {
    this.items = items[Symbol.asyncIterator]();
  }

  async next(): Promise<IteratorResult<T>> {
    const result = await this.items.next();
    if (!(result.value instanceof Uint8Array)) return result;
    return { ...result, value: Buffer.from(result.value) as T };
  }

  async return(): Promise<IteratorResult<T>> {
    await this.items.return?.();
    return { done: true, value: undefined };
  }

  async throw(error: unknown): Promise<IteratorResult<T>> {
    await this.return();
    throw error;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

/**
 * Wraps a stage as a Node Duplex. Both its sides are in object mode: what is written reaches the stage as it
 * is; chunks that the stage yields wait in the Duplex, so they are `owned`, and records are read as they are.
 */
export function toDuplex(stage: Stage<never, unknown>): Duplex {
  return Duplex.from((source: AsyncIterable<never>) => new OwnedChunks(stage(source)));
}
