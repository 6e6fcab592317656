import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { collect, noise, scratch } from '@vzdump-format/testing';
import { expect, test } from 'vitest';
import { writeToFile, writeToStream } from '../file/write-chunks.js';
import { prefetchOne } from '../stage/ahead.js';
import type { Items } from '../stage/items.js';
import { Meter, metered } from '../stage/pass-through.js';
import { RateLimiter, throttle } from '../stage/throttle.js';
import { FakeRange } from '../testing/fake-range.js';
import { chunksOf, isFileRange, type Piece, piecesOf } from './file-range.js';

const BYTES = noise(400_000);

/** Offers all bytes, as often as some are copied, and gives those that are not as chunks. */
function offering(copies: number): AsyncGenerator<Uint8Array> {
  return chunksOf(offeredPieces(copies));
}

async function* offeredPieces(copies: number): AsyncGenerator<Piece> {
  yield BYTES.subarray(0, 100);
  let at = 100;
  for (;;) {
    const range = new FakeRange(BYTES.subarray(at, 300_000), copies);
    yield range;
    at += range.copied;
    if (range.copied === 0 || at === 300_000) break;
  }
  if (at < 300_000) yield BYTES.subarray(at, 300_000);
  yield BYTES.subarray(300_000);
}

async function written(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const path = join(await scratch(), 'file');
  const handle = await open(path, 'wx');
  expect(await writeToFile(chunks, handle)).toBe(BYTES.length);
  await handle.close();
  return readFile(path);
}

test.each([300_000, 100_000, 9_973, 0])(
  'a file gets all bytes where %d are copied at a time',
  async (copies) => {
    expect((await written(offering(copies))).equals(BYTES)).toBe(true);
  },
);

test('a stream, and whoever wants chunks, gets all bytes as chunks', async () => {
  expect((await collect(offering(100_000))).equals(BYTES)).toBe(true);
  const chunks: Buffer[] = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      chunks.push(Buffer.from(chunk));
      done();
    },
  });
  expect(await writeToStream(offering(100_000), stream)).toBe(BYTES.length);
  expect(Buffer.concat(chunks).equals(BYTES)).toBe(true);
});

test('a meter counts what was copied', async () => {
  const meter = new Meter();
  expect((await written(metered(meter)(offering(100_000)))).equals(BYTES)).toBe(true);
  expect(meter.progress.bytes).toBe(BYTES.length);
});

test('a limiter passes ranges on while there is no limit, and counts them', async () => {
  const limiter = new RateLimiter(0);
  expect((await written(throttle(limiter)(offering(100_000)))).equals(BYTES)).toBe(true);
  expect(limiter.passed).toBe(BYTES.length);
});

test('with a limit, all passes as chunks', async () => {
  let ranges = 0;
  async function* counted(pieces: Items<Piece>) {
    for await (const piece of pieces) {
      if (isFileRange(piece)) ranges++;
      yield piece;
    }
  }
  const limiter = new RateLimiter(2 ** 40);
  const throttled = piecesOf(throttle(limiter)(offering(100_000)));
  expect((await written(chunksOf(counted(throttled)))).equals(BYTES)).toBe(true);
  expect(ranges).toBe(0);
  expect(limiter.passed).toBe(BYTES.length);
});

test('work ahead waits until a range has been dealt with', async () => {
  expect((await written(prefetchOne()(offering(100_000)))).equals(BYTES)).toBe(true);
});
