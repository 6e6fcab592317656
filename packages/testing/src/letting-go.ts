import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';

/** Something that takes a source in motion, and gives what it makes of it. */
export interface LettingGoCase {
  /** What the source gives before it stalls, or again and again. */
  readonly items: () => readonly unknown[] | Promise<readonly unknown[]>;
  readonly run: (source: AsyncIterable<never>, signal: AbortSignal | undefined) => AsyncIterable<unknown>;
  /** Whether it takes a signal; else it ends with what is around it. */
  readonly takesSignal: boolean;
}

/** Gives its items, and then stalls, fails or begins again. */
export class StallingSource implements AsyncIterableIterator<never> {
  isClosed = false;
  /** Resolves when it is asked for what never comes. */
  readonly stalled: Promise<void>;
  private tellStalled = () => {};
  private at = 0;

  constructor(
    private readonly items: readonly unknown[],
    private readonly then: () => Promise<never> | 'again' = () => new Promise<never>(() => {}),
  ) {
    this.stalled = new Promise((resolve) => {
      this.tellStalled = resolve;
    });
  }

  async next(): Promise<IteratorResult<never>> {
    if (this.at < this.items.length) return { done: false, value: this.items[this.at++] as never };
    this.tellStalled();
    const then = this.then();
    if (then !== 'again') return then;
    this.at = 0;
    return this.next();
  }

  async return(): Promise<IteratorResult<never>> {
    this.isClosed = true;
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

async function exhaust(results: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of results);
}

/** What everything that takes a source promises: however it ends, the source is let go of, and at once. */
export function testLettingGo(name: string, { items, run, takesSignal }: LettingGoCase): void {
  describe(name, () => {
    test('lets go of a source from which nothing was taken', async () => {
      const source = new StallingSource(await items());
      await run(source, undefined)[Symbol.asyncIterator]().return?.();
      expect(source.isClosed).toBe(true);
    });

    test('lets go of a stream from which nothing was taken', async () => {
      const source = new Readable({ objectMode: true, read: () => {} });
      await run(source as unknown as AsyncIterable<never>, undefined)
        [Symbol.asyncIterator]()
        .return?.();
      expect(source.destroyed).toBe(true);
    });

    test('lets go of its source after the first result', async () => {
      const source = new StallingSource(await items(), () => 'again');
      for await (const _ of run(source, undefined)) break;
      expect(source.isClosed).toBe(true);
    });

    test.runIf(takesSignal)(
      'an abort is not delayed by a source that stalls, and lets go of it',
      async () => {
        const controller = new AbortController();
        const source = new StallingSource(await items());
        const ended = exhaust(run(source, controller.signal));
        await Promise.race([source.stalled, ended]);
        controller.abort(new Error('enough'));
        await expect(ended).rejects.toThrow('enough');
        expect(source.isClosed).toBe(true);
      },
    );

    test.runIf(takesSignal)('an abort comes before what the source fails with', async () => {
      const controller = new AbortController();
      const source = new StallingSource(await items(), async () => {
        controller.abort(new Error('enough'));
        throw new Error('the disk is gone');
      });
      await expect(exhaust(run(source, controller.signal))).rejects.toThrow('enough');
    });

    test.runIf(takesSignal)('an abort before the beginning comes before everything', async () => {
      const source = new StallingSource(await items(), async () => {
        throw new Error('the disk is gone');
      });
      await expect(exhaust(run(source, AbortSignal.abort(new Error('enough'))))).rejects.toThrow('enough');
    });
  });
}
