/** Takes things in, and gives out what becomes of them, later and in order. */
export interface Delayed<Item> {
  push(item: Item): AsyncGenerator<Uint8Array>;
  rest(): AsyncGenerator<Uint8Array>;
}

/**
 * Gives all of the items to `stage`. When an item cannot be read, what the ones before it become is given out
 * first: of an archive that was cut off, all that is there is wanted.
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
