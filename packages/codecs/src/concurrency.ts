/** Lets a number of tasks run at a time; others wait for their turn. */
export class Semaphore {
  private readonly waiting: (() => void)[] = [];

  constructor(private free: number) {}

  async run<Result>(task: () => Promise<Result>): Promise<Result> {
    if (this.free > 0) this.free--;
    else await new Promise<void>((resolve) => this.waiting.push(resolve));
    try {
      return await task();
    } finally {
      const next = this.waiting.shift();
      if (next === undefined) this.free++;
      else next();
    }
  }
}

/** What the tasks of a queue may hold together, in bytes; one task alone may hold more. */
const MAX_BYTES_UNDER_WAY = 64 * 1024 * 1024;

/** Tasks under way, whose results are taken in the order in which they were begun. */
export class OrderedQueue<Result> {
  private readonly tasks: { readonly result: Promise<Result>; readonly bytes: number }[] = [];
  private bytes = 0;

  /** @param mostTasks how many may be under way */
  constructor(private readonly mostTasks: number) {}

  push(result: Promise<Result>, bytes: number): void {
    result.catch(() => {}); // awaited in turn
    this.tasks.push({ result, bytes });
    this.bytes += bytes;
  }

  /** Whether a result is to be taken before the next task is begun. */
  get full(): boolean {
    const { length } = this.tasks;
    return length >= this.mostTasks || (length > 0 && this.bytes >= MAX_BYTES_UNDER_WAY);
  }

  get empty(): boolean {
    return this.tasks.length === 0;
  }

  async next(): Promise<Result> {
    const task = this.tasks.shift()!;
    this.bytes -= task.bytes;
    return task.result;
  }
}

/** Takes items in, and gives out what becomes of them, later and in their order. */
export interface Delayed<Item> {
  push(item: Item): AsyncGenerator<Uint8Array>;
  rest(): AsyncGenerator<Uint8Array>;
}

/**
 * Gives all of the items to `stage`. When one cannot be read, what became of those before it is given out
 * first, and then the error: of an archive that was cut off, all that is there is wanted.
 */
export async function* readToError<Item>(
  items: AsyncIterable<Item>,
  stage: Delayed<Item>,
): AsyncGenerator<Uint8Array> {
  const iterator = items[Symbol.asyncIterator]();
  let failure: { readonly error: unknown } | undefined;
  const next = () =>
    iterator.next().catch((error: unknown): IteratorResult<Item> => {
      failure = { error };
      return { done: true, value: undefined };
    });
  try {
    for (let read = await next(); !read.done; read = await next()) yield* stage.push(read.value);
    yield* stage.rest();
    if (failure !== undefined) throw failure.error;
  } finally {
    await iterator.return?.();
  }
}
