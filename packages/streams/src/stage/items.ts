import type { ReadableStream, ReadableStreamDefaultReader } from 'node:stream/web';
import { ArchiveError } from '../diagnostics.js';

/**
 * What can be read item by item: an array, a generator of either kind, a Node stream or a web stream. A chunk
 * of bytes alone is none: put it into an array.
 */
export type Items<T> = AsyncIterable<T> | Iterable<T>;

/** Whether items can be had without waiting for them. */
export function isSync<T>(items: Items<T>): items is Iterable<T> {
  return isObject(items) && Symbol.iterator in items && !isAsync(items) && !ArrayBuffer.isView(items);
}

/** Begins to read. @throws `INPUT_KIND` for what cannot be read item by item */
export function iteratorOf<T>(items: Items<T>): AsyncIterator<T> {
  if (isWebStream(items)) return new WebStreamIterator(items.getReader());
  if (isAsync(items)) return items[Symbol.asyncIterator]();
  if (isSync(items)) return new SyncIterator(items[Symbol.iterator]());
  throw notItems(items);
}

function isAsync<T>(items: Items<T>): items is AsyncIterable<T> {
  return isObject(items) && Symbol.asyncIterator in items;
}

function isWebStream<T>(items: Items<T>): items is ReadableStream<T> {
  return isObject(items) && 'getReader' in items;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function notItems(value: unknown): ArchiveError {
  if (ArrayBuffer.isView(value) || typeof value === 'string') {
    const what = typeof value === 'string' ? 'a string' : 'one piece of memory';
    return new ArchiveError('INPUT_KIND', `${what} was given, where a stream or an array of chunks is read`, {
      hint: 'give an array of chunks: [bytes]',
    });
  }
  const isSource = isObject(value) && 'size' in value && 'read' in value;
  const what = isSource ? 'bytes at rest were' : `${value === null ? 'null' : typeof value} was`;
  return new ArchiveError('INPUT_KIND', `${what} given, where a stream or an array is read`, {
    hint: isSource ? 'readChunks(source) gives its chunks' : undefined,
  });
}

/** An iterator that cannot be asked to wait, as one that can. */
class SyncIterator<T> implements AsyncIterator<T> {
  constructor(private readonly items: Iterator<T>) {}

  async next(): Promise<IteratorResult<T>> {
    return this.items.next();
  }

  async return(): Promise<IteratorResult<T>> {
    this.items.return?.();
    return { done: true, value: undefined };
  }
}

/** A web stream's own iterator would cancel it only when the chunk that is waited for has come. */
class WebStreamIterator<T> implements AsyncIterator<T> {
  constructor(private readonly reader: ReadableStreamDefaultReader<T>) {}

  async next(): Promise<IteratorResult<T>> {
    const { done, value } = await this.reader.read();
    return done ? { done, value: undefined } : { done, value: value as T };
  }

  async return(): Promise<IteratorResult<T>> {
    await this.reader.cancel();
    return { done: true, value: undefined };
  }
}
