import { vectorBytes } from '@vzdump-format/test-vectors';
import { describe, expect, test } from 'vitest';
import { streamDrive } from './read/drive-stream.js';
import { unpackVma } from './read/unpack.js';
import { repackVma } from './write/repack.js';

const ARCHIVE = vectorBytes('vma/two-drives-two-configs.vma');

/** Gives one item, and then stalls. */
function stalling(item: unknown) {
  const source = {
    isClosed: false,
    rest: [item],
    next: () => {
      const value = source.rest.pop();
      return value === undefined ? new Promise<never>(() => {}) : Promise.resolve({ done: false, value });
    },
    async return() {
      source.isClosed = true;
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]: () => source,
  };
  return source;
}

async function headerOf(archive: Uint8Array): Promise<unknown> {
  for await (const record of unpackVma(stalling(archive) as AsyncIterable<Uint8Array>)) return record;
  return undefined;
}

describe.each([
  ['unpackVma', (source: unknown) => unpackVma(source as AsyncIterable<Uint8Array>), () => ARCHIVE],
  ['streamDrive', (source: unknown) => streamDrive(source as AsyncIterable<Uint8Array>, '1'), () => ARCHIVE],
  [
    'repackVma',
    (source: unknown) => repackVma(source as ReturnType<typeof unpackVma>),
    () => headerOf(ARCHIVE),
  ],
])('%s', (_, run, itemOf) => {
  test('lets go of a source from which nothing was taken', async () => {
    const source = stalling(await itemOf());
    await run(source).return(undefined);
    expect(source.isClosed).toBe(true);
  });

  test('lets go of its source after the first result', async () => {
    const source = stalling(await itemOf());
    for await (const _result of run(source)) break;
    expect(source.isClosed).toBe(true);
  });
});

test('an abort of unpackVma is not delayed by a source that stalls', async () => {
  const controller = new AbortController();
  const source = stalling(ARCHIVE.subarray(0, ARCHIVE.length - 4096)) as AsyncIterable<Uint8Array>;
  const records = unpackVma(source, { signal: controller.signal });
  const ended = (async () => {
    for await (const _ of records);
  })();
  controller.abort(new Error('enough'));
  await expect(ended).rejects.toThrow('enough');
});
