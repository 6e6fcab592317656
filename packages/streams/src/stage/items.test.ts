import { collect, INPUTS, noise } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import { ByteReader } from '../source/byte-reader.js';
import { BufferSource } from '../source/byte-source.js';
import { owned } from './duplex.js';
import type { Items } from './items.js';
import { PullIterator } from './pull-iterator.js';
import { type Stage, stageOf } from './stage.js';
import { throttle } from './throttle.js';

const BYTES = noise(5_500);

describe.each(INPUTS)('%s', (_, give) => {
  test('goes into a stage, and into a reader', async () => {
    expect(await collect(throttle(0)(give(BYTES)))).toEqual(BYTES);
    expect(await collect(owned(give(BYTES)))).toEqual(BYTES);
    expect(await collect(new ByteReader(give(BYTES)).rest())).toEqual(BYTES);
  });

  test('is a sequence of items', async () => {
    const items = PullIterator.of(give(BYTES));
    expect(await collect(items)).toEqual(BYTES);
  });
});

describe('a web stream', () => {
  /** Gives one chunk, and then stalls. */
  function stalling(): { readonly stream: ReadableStream<Uint8Array>; readonly isCancelled: () => boolean } {
    let isCancelled = false;
    const stream = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(BYTES),
      cancel: () => {
        isCancelled = true;
      },
    });
    return { stream, isCancelled: () => isCancelled };
  }

  const passOn = (signal?: AbortSignal): Stage =>
    stageOf(async function* passed(source) {
      yield* source;
    }, signal);

  test('is cancelled when its reader has enough', async () => {
    const { stream, isCancelled } = stalling();
    for await (const _ of passOn()(stream)) break;
    expect(isCancelled()).toBe(true);
  });

  test('is cancelled before its first chunk was asked for', async () => {
    const { stream, isCancelled } = stalling();
    await passOn()(stream).return(undefined);
    expect(isCancelled()).toBe(true);
  });

  test('is cancelled by an abort while it stalls', async () => {
    const { stream, isCancelled } = stalling();
    const controller = new AbortController();
    const reading = (async () => {
      for await (const _ of passOn(controller.signal)(stream)) setImmediate(() => controller.abort());
    })();
    await expect(reading).rejects.toThrow('aborted');
    expect(isCancelled()).toBe(true);
  });

  test('gives its own error', async () => {
    const stream = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.error(new Error('lost')),
    });
    await expect(collect(passOn()(stream))).rejects.toThrow('lost');
  });
});

describe('what is no input is refused by name', () => {
  const WRONG: readonly (readonly [name: string, value: unknown, words: string])[] = [
    ['one piece of memory', BYTES, 'one piece of memory was given'],
    ['a string', 'text', 'a string was given'],
    ['bytes at rest', new BufferSource(BYTES), 'bytes at rest were given'],
    ['undefined', undefined, 'undefined was given'],
    ['null', null, 'null was given'],
    ['a number', 7, 'number was given'],
  ];
  const refused = (words: string) => ({
    name: 'ArchiveError',
    code: 'INPUT_KIND',
    message: expect.stringContaining(words),
  });

  test.each(WRONG)('%s', async (_, value, words) => {
    const wrong = value as Items<Uint8Array>;
    await expect(collect(throttle(0)(wrong))).rejects.toMatchObject(refused(words));
    await expect(new ByteReader(wrong).read(1)).rejects.toMatchObject(refused(words));
    await expect(collect(PullIterator.of(wrong))).rejects.toMatchObject(refused(words));
  });
});
