import { type Items, isSync } from './items.js';
import { ClaimedSource } from './stage.js';

/** An item, or `undefined` behind the last; a promise of it only where it takes waiting. */
export type Pulled<T> = T | undefined | Promise<T | undefined>;

/** What a sequence is made of. */
export interface PullSource<T> {
  /** Is asked for the next item when the one before has been dealt with. */
  pull(): Pulled<T>;
  /** Lets go of what it holds. */
  close(): void | Promise<void>;
}

/**
 * Items that can mostly be had without waiting, as the entries of a tree: to make a promise for each, and to
 * wait for it, takes as long as to make the entry. Use `for await`; in a hot loop, `runs()`.
 *
 * @example
 * for await (const run of PullIterator.of(entries).runs()) {
 *   for (const entry of run) pack(entry);
 * }
 */
export class PullIterator<T extends object> implements AsyncIterableIterator<T>, PullSource<T> {
  private isOver = false;
  private isClosed = false;
  private pending: Promise<T | undefined> | undefined;
  private peeked: T | undefined;

  constructor(private readonly source: PullSource<T>) {}

  /**
   * Of any items; a sequence stays as it is.
   * @param signal heeded also while the items stall
   */
  static of<T extends object>(items: Items<T>, signal?: AbortSignal | undefined): PullIterator<T> {
    if (items instanceof PullIterator) return items as PullIterator<T>;
    return new PullIterator(
      isSync(items) ? pulledFrom(items) : pulledFromAsync(new ClaimedSource(items, signal)),
    );
  }

  /**
   * Of items that it takes waiting to get at.
   * @param release lets go of what they would have come from, when they are not asked for
   */
  static later<T extends object>(
    open: () => Promise<AsyncIterable<T>>,
    release?: () => Promise<unknown>,
  ): PullIterator<T> {
    let opened: PullIterator<T> | undefined;
    return new PullIterator({
      pull() {
        if (opened !== undefined) return opened.pull();
        return open().then((items) => {
          opened = PullIterator.of(items);
          return opened.pull();
        });
      },
      async close() {
        await (opened === undefined ? release?.() : opened.close());
      },
    });
  }

  /**
   * The items in runs, each of what can be had without waiting: they cost a promise a run, not one an item.
   * A run is iterated over to its end, or the loop over the runs is left, which closes the sequence.
   */
  async *runs(): AsyncGenerator<Iterable<T>> {
    let waitedFor: Promise<T | undefined> | undefined;
    const runFrom = function* (first: T, next: () => Pulled<T>): Generator<T> {
      let item: Pulled<T> = first;
      for (; item !== undefined && !(item instanceof Promise); item = next()) yield item;
      waitedFor = item;
    };
    const next = () => this.pull();
    try {
      for (;;) {
        const first: T | undefined = await (waitedFor ?? this.pull());
        if (first === undefined) return;
        waitedFor = undefined;
        yield runFrom(first, next);
      }
    } finally {
      await this.close();
    }
  }

  /** The next item, which stays the next. */
  async peek(): Promise<T | undefined> {
    this.peeked ??= await this.pull();
    return this.peeked;
  }

  pull(): Pulled<T> {
    if (this.peeked !== undefined) return this.takePeeked();
    if (this.isOver) return undefined;
    const pulled = this.source.pull();
    if (!(pulled instanceof Promise)) return this.noteEnd(pulled);
    this.pending = pulled.then(this.noteEnd);
    return this.pending;
  }

  /** What has ended is not asked again: a source may begin anew, or fail. */
  private readonly noteEnd = (item: T | undefined): T | undefined => {
    if (item === undefined) this.isOver = true;
    return item;
  };

  private takePeeked(): T | undefined {
    const { peeked } = this;
    this.peeked = undefined;
    return peeked;
  }

  async close(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    this.isOver = true;
    this.peeked = undefined;
    await this.pending?.catch(() => {}); // who pulled it is told
    await this.source.close();
  }

  async next(): Promise<IteratorResult<T>> {
    try {
      const item = await this.pull();
      if (item !== undefined) return { done: false, value: item };
    } catch (error) {
      await this.close();
      throw error;
    }
    return this.return();
  }

  async return(_value?: unknown): Promise<IteratorResult<T>> {
    await this.close();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

/**
 * The same items, each of which is shown to `observe` before it is passed on. @param onEnd called behind the
 * last
 */
export function observedItems<T extends object>(
  items: Items<T>,
  observe: (item: T) => void,
  onEnd?: () => void,
): PullIterator<T> {
  return mappedItems(
    items,
    (item) => {
      observe(item);
      return item;
    },
    onEnd,
  );
}

/** What `map` makes of each item. @param onEnd called behind the last */
export function mappedItems<T extends object, Result extends object>(
  items: Items<T>,
  map: (item: T) => Result,
  onEnd?: () => void,
): PullIterator<Result> {
  const sequence = PullIterator.of(items);
  const show = (item: T | undefined) => {
    if (item !== undefined) return map(item);
    onEnd?.();
    return undefined;
  };
  return new PullIterator<Result>({
    pull() {
      const pulled = sequence.pull();
      return pulled instanceof Promise ? pulled.then(show) : show(pulled);
    },
    close: () => sequence.close(),
  });
}

/**
 * What `expand` makes of each item: any number of others.
 * @param expand is called behind the last item, too, without one
 */
export function expandedItems<T extends object, Result extends object>(
  items: Items<T>,
  expand: (item: T | undefined) => readonly Result[] | Promise<readonly Result[]>,
): PullIterator<Result> {
  return new PullIterator(new Expansion(PullIterator.of(items), expand));
}

class Expansion<T extends object, Result extends object> implements PullSource<Result> {
  private ready: Result[] = [];
  private isOver = false;

  constructor(
    private readonly items: PullIterator<T>,
    private readonly expand: (item: T | undefined) => readonly Result[] | Promise<readonly Result[]>,
  ) {}

  pull(): Pulled<Result> {
    while (this.ready.length === 0 && !this.isOver) {
      const pulled = this.items.pull();
      const refilled =
        pulled instanceof Promise ? pulled.then((item) => this.refill(item)) : this.refill(pulled);
      if (refilled !== undefined) return refilled.then(() => this.pull());
    }
    return this.ready.shift();
  }

  close(): Promise<void> {
    return this.items.close();
  }

  private refill(item: T | undefined): undefined | Promise<void> {
    this.isOver = item === undefined;
    const made = this.expand(item);
    if (made instanceof Promise) return made.then((later) => this.put(later));
    this.put(made);
    return undefined;
  }

  private put(made: readonly Result[]): void {
    this.ready = [...made];
  }
}

function pulledFromAsync<T>(items: ClaimedSource<T>): PullSource<T> {
  return {
    pull: () => items.next().then(itemOf),
    async close() {
      await items.return();
    },
  };
}

function pulledFrom<T>(items: Iterable<T>): PullSource<T> {
  const iterator = items[Symbol.iterator]();
  return {
    pull: () => itemOf(iterator.next()),
    close() {
      iterator.return?.();
    },
  };
}

function itemOf<T>(result: IteratorResult<T>): T | undefined {
  return result.done ? undefined : result.value;
}
