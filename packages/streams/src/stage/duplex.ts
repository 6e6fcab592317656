import { addAbortSignal, Duplex, PassThrough, Readable } from 'node:stream';
import { type Items, iteratorOf } from './items.js';
import type { Work } from './stage.js';

/**
 * Gives each chunk memory of its own, so that it may be kept: a stage for those who collect chunks, or pass
 * them on to a Node stream.
 * @example await pipeline(packVma({ drives }), owned, createWriteStream('disk.vma'));
 */
export function owned(chunks: Items<Uint8Array>): AsyncGenerator<Uint8Array> {
  return new OwnedItems(chunks);
}

/**
 * Wraps a stage of bytes as a Node Duplex in byte mode, which takes strings, too, and is read in whatever
 * sizes its reader likes. What waits in it is copied on its way in and out, since it is borrowed.
 * @param signal destroys it, whatever it is waiting for
 */
export function toByteDuplex(stage: Work<Uint8Array, Uint8Array>, signal?: AbortSignal | undefined): Duplex {
  return duplexOf(stage, { takesRecords: false, givesRecords: false }, signal);
}

/** The same of a stage that packs: records go in, in object mode, and bytes come out, in byte mode. */
export function toPackingDuplex(stage: Work<never, Uint8Array>, signal?: AbortSignal | undefined): Duplex {
  return duplexOf(stage, { takesRecords: true, givesRecords: false }, signal);
}

/** The same of a stage that unpacks: bytes go in, in byte mode, and records come out, in object mode. */
export function toUnpackingDuplex(
  stage: Work<Uint8Array, unknown>,
  signal?: AbortSignal | undefined,
): Duplex {
  return duplexOf(stage, { takesRecords: false, givesRecords: true }, signal);
}

function duplexOf(
  stage: Work<never, unknown>,
  { takesRecords, givesRecords }: { takesRecords: boolean; givesRecords: boolean },
  signal: AbortSignal | undefined,
): Duplex {
  const writable = new PassThrough({ objectMode: takesRecords });
  // The stage lets go of its source before it fails: to close that, too, would hide the stage's own error.
  const input = writable.iterator({ destroyOnReturn: false }) as AsyncIterable<never>;
  const readable = Readable.from(new OwnedItems(stage(input)), { objectMode: givesRecords });
  const duplex = copyingInput(Duplex.from({ writable, readable }));
  return signal === undefined ? duplex : addAbortSignal(signal, duplex);
}

/** No generator, whose `return` would wait for the item that is asked for. */
class OwnedItems<T> implements AsyncGenerator<T> {
  private readonly items: AsyncIterator<T>;

  constructor(items: Items<T>) {
    this.items = iteratorOf(items);
  }

  async next(): Promise<IteratorResult<T>> {
    const result = await this.items.next();
    return result.done ? result : { done: false, value: ownItem(result.value) };
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

/** Copies at once what is written: behind the call, it may be overwritten, and it may wait for long. */
function copyingInput(duplex: Duplex): Duplex {
  const write = duplex.write.bind(duplex) as (item: unknown, ...rest: unknown[]) => boolean;
  const end = duplex.end.bind(duplex) as (item?: unknown, ...rest: unknown[]) => Duplex;
  return Object.assign(duplex, {
    write: (item: unknown, ...rest: unknown[]) => write(ownItem(item), ...rest),
    end: (item?: unknown, ...rest: unknown[]) => end(ownItem(item), ...rest),
  });
}

/** Bytes, or a record with bytes in it, in memory of its own. What a record gives later stays as it is. */
export function ownItem<T>(item: T): T {
  if (item instanceof Uint8Array) return Buffer.from(item) as unknown as T;
  if (typeof item !== 'object' || item === null) return item;
  const borrowed = Object.entries(item).filter(([, value]) => value instanceof Uint8Array);
  if (borrowed.length === 0) return item;
  return { ...item, ...Object.fromEntries(borrowed.map(([key, value]) => [key, Buffer.from(value)])) };
}
