import { ReadableStream } from 'node:stream/web';
import { chunked, collect, noise, overwriting } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import { Meter, metered } from './pass-through.js';
import { type Stage, stageOf } from './stage.js';
import { toReadableStream, toTransformStream } from './web.js';

const BYTES = noise(300_000);

/** What comes of a stream, each chunk kept until the end. */
async function kept(stream: ReadableStream<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const failing: Stage = stageOf(async function* failing(source) {
  for await (const _ of source) throw new Error('damaged');
  yield BYTES;
});

test('bytes pass, and are copied before they wait', async () => {
  const meter = new Meter();
  const passed = toReadableStream(overwriting(BYTES, 1000)).pipeThrough(toTransformStream(metered(meter)));
  expect((await kept(passed)).equals(BYTES)).toBe(true);
  expect(meter.progress.bytes).toBe(BYTES.length);
});

test('what it gives is its own: the stage may write over its chunk', async () => {
  const lending = toTransformStream<Uint8Array, Uint8Array>(() => overwriting(BYTES, 1000));
  expect((await kept(toReadableStream([]).pipeThrough(lending))).equals(BYTES)).toBe(true);
});

test('nothing is asked for before it is read', async () => {
  let asked = 0;
  const stream = toReadableStream(
    (async function* counted() {
      for (;;) yield Uint8Array.of(asked++);
    })(),
  );
  await new Promise((resolve) => setImmediate(resolve));
  expect(asked).toBe(0);
  const reader = stream.getReader();
  await reader.read();
  expect(asked).toBe(1);
  await reader.cancel();
});

describe('an error', () => {
  test('of the stage is that of both sides', async () => {
    const { readable, writable } = toTransformStream(failing);
    const writer = writable.getWriter();
    const closed = writer.closed.catch((error: Error) => error.message);
    writer.write(BYTES).catch(() => {});
    await expect(collect(readable)).rejects.toThrow('damaged');
    expect(await closed).toBe('damaged');
  });

  test('of the stage ends a pipe, and cancels what comes before it', async () => {
    let isCancelled = false;
    const source = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(BYTES),
      cancel: () => {
        isCancelled = true;
      },
    });
    await expect(collect(source.pipeThrough(toTransformStream(failing)))).rejects.toThrow('damaged');
    await new Promise((resolve) => setImmediate(resolve));
    expect(isCancelled).toBe(true);
  });

  test('of the source passes through', async () => {
    const source = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.error(new Error('lost')),
    });
    const passed = source.pipeThrough(toTransformStream(metered(new Meter())));
    await expect(collect(passed)).rejects.toThrow('lost');
  });
});

test('who cancels it lets go of the source', async () => {
  let isClosed = false;
  async function* source(): AsyncGenerator<Uint8Array> {
    try {
      yield* chunked(BYTES, 1000);
    } finally {
      isClosed = true;
    }
  }
  const passed = toReadableStream(source()).pipeThrough(toTransformStream(metered(new Meter())));
  for await (const _ of passed) break;
  await new Promise((resolve) => setImmediate(resolve));
  expect(isClosed).toBe(true);
});

test('an abort ends it while it waits', async () => {
  const controller = new AbortController();
  const { signal } = controller;
  const pass: Stage = stageOf(async function* pass(source) {
    yield* source;
  }, signal);
  const { readable, writable } = toTransformStream(pass, signal);
  const writing = expect(writable.getWriter().closed).rejects.toMatchObject({ name: 'AbortError' });
  const reading = expect(collect(readable)).rejects.toMatchObject({ name: 'AbortError' });
  controller.abort();
  await Promise.all([reading, writing]);
});
