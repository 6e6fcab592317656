import { EventLoopTurns } from '@vzdump-format/streams';

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

const MAX_BYTES_UNDER_WAY = 64 * 1024 * 1024;

/** How the items of a compressed stream become its content. */
export interface ItemDecoder<Item, Result> {
  /** How many items may be under way. */
  readonly tasks: number;
  /** What may be under way at a time, in bytes; one item alone may take more. 64 MiB unless given. */
  readonly mostBytes?: number;
  /** How much memory an item takes until its content has been delivered, in bytes. */
  sizeOf(item: Item): number;
  decode(item: Item): Promise<Result>;
  /** In the order of the items. */
  deliver(result: Result): Iterable<Uint8Array>;
}

/**
 * Decodes several items at a time, and gives out their contents in order. When an item cannot be read, the
 * contents of those before it come first, and then the error: of an archive that was cut off, all that is
 * there is wanted.
 */
export async function* decodeInOrder<Item, Result>(
  items: AsyncIterable<Item>,
  decoder: ItemDecoder<Item, Result>,
): AsyncGenerator<Uint8Array> {
  const underWay: { readonly result: Promise<Result>; readonly size: number }[] = [];
  const turns = new EventLoopTurns();
  let bytes = 0;
  const { tasks, mostBytes = MAX_BYTES_UNDER_WAY } = decoder;
  const isFull = () => underWay.length >= tasks || (underWay.length > 0 && bytes >= mostBytes);
  const next = async () => {
    const { result, size } = underWay.shift()!;
    bytes -= size;
    return decoder.deliver(await result);
  };
  const read = new UntilError(items);
  for await (const item of read) {
    const result = decoder.decode(item);
    result.catch(() => {}); // awaited in turn
    const size = decoder.sizeOf(item);
    underWay.push({ result, size });
    bytes += size;
    while (isFull()) yield* await next();
    await turns.turn();
  }
  while (underWay.length > 0) yield* await next();
  if (read.failure !== undefined) throw read.failure.error;
}

/** Ends where the items end, or the first of them cannot be read, and keeps the error. */
class UntilError<Item> {
  failure: { readonly error: unknown } | undefined;

  constructor(private readonly items: AsyncIterable<Item>) {}

  async *[Symbol.asyncIterator](): AsyncGenerator<Item> {
    const iterator = this.items[Symbol.asyncIterator]();
    try {
      for (let read = await this.next(iterator); !read.done; read = await this.next(iterator)) {
        yield read.value;
      }
    } finally {
      await iterator.return?.();
    }
  }

  private next(iterator: AsyncIterator<Item>): Promise<IteratorResult<Item>> {
    return iterator.next().catch((error: unknown) => {
      this.failure = { error };
      return { done: true, value: undefined };
    });
  }
}
