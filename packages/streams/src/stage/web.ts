import { ReadableStream, TransformStream, type TransformStreamDefaultController } from 'node:stream/web';
import { ownItem } from './duplex.js';
import { type Items, iteratorOf } from './items.js';
import type { Work } from './stage.js';

/**
 * Items as a web stream, which asks for one when it is read, and copies bytes, since they are borrowed.
 * @example new Response(toReadableStream(packTar(entries)))
 */
export function toReadableStream<T>(items: Items<T>): ReadableStream<T> {
  const iterator = iteratorOf(items);
  return new ReadableStream<T>(
    {
      async pull(controller) {
        const { done, value } = await iterator.next();
        if (done) controller.close();
        else controller.enqueue(ownItem(value));
      },
      async cancel() {
        await iterator.return?.();
      },
    },
    { highWaterMark: 0 },
  );
}

/**
 * Wraps a stage as a web TransformStream, for `pipeThrough`. What it gives is copied, since it is borrowed;
 * what is written to it is the stream's from then on, as web streams have it. Both of its sides fail with the
 * stage's error.
 * @param signal ends it, whatever it is waiting for
 */
export function toTransformStream<In, Out>(
  stage: Work<In, Out>,
  signal?: AbortSignal | undefined,
): TransformStream<In, Out> {
  const input = new StageInput<In>(signal);
  const output = toReadableStream(input.through(stage));
  return { writable: input.writable, readable: output };
}

/** What is written to a stage. The stage does not close it: that would hide the stage's own error. */
class StageInput<In> {
  private control!: TransformStreamDefaultController<In>;
  private isOver = false;
  private readonly passed: TransformStream<In, In>;

  constructor(private readonly signal: AbortSignal | undefined) {
    this.passed = new TransformStream<In, In>({
      start: (control) => {
        this.control = control;
      },
    });
    signal?.addEventListener('abort', this.onAbort, { once: true });
  }

  get writable() {
    return this.passed.writable;
  }

  /** What the stage makes of it; when that ends, for whatever reason, nothing more can be written. */
  through<Out>(stage: Work<In, Out>): AsyncIterableIterator<Out> {
    const output = stage(this.items())[Symbol.asyncIterator]();
    return {
      next: async () => {
        try {
          const result = await output.next();
          if (result.done) this.end(() => this.control.terminate());
          return result;
        } catch (error) {
          this.end(() => this.control.error(error));
          throw error;
        }
      },
      return: async () => {
        this.end(() => this.control.terminate());
        await output.return(undefined);
        return { done: true, value: undefined };
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  private items(): AsyncIterable<In> {
    const source = iteratorOf(this.passed.readable);
    const next = async () => {
      const result = await source.next();
      if (result.done) this.isOver = true;
      return result;
    };
    return { [Symbol.asyncIterator]: () => ({ next }) };
  }

  private end(close: () => void): void {
    if (!this.isOver) close();
    this.isOver = true;
    this.signal?.removeEventListener('abort', this.onAbort);
  }

  private readonly onAbort = (): void => this.end(() => this.control.error(this.signal!.reason));
}
