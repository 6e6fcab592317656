import { CHUNK_SIZES, chunked, collect, noise, overwriting, PRODUCERS } from '@vzdump-format/testing';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ByteReader } from './byte-reader.js';

const BYTES = noise(150_001);

describe.each(PRODUCERS)('from %s', (_, producer) => {
  test.each(CHUNK_SIZES)('reads, peeks, puts back and skips in chunks of %s', async (size) => {
    const reader = new ByteReader(producer(BYTES, size));
    const next = (length: number) => Buffer.from(BYTES.subarray(reader.offset, reader.offset + length));

    let expected = next(10);
    expect(Buffer.from(await reader.read(10))).toEqual(expected);
    expected = next(600);
    expect(Buffer.from(await reader.peek(600))).toEqual(expected);
    expect(Buffer.from(await reader.read(600))).toEqual(expected);
    expect(reader.offset).toBe(610);
    expected = next(5000);
    const bytes = await reader.readUpTo(5000);
    expect(Buffer.from(bytes)).toEqual(expected);
    reader.unread(bytes.subarray(1000));
    expect(reader.offset).toBe(1610);
    expected = next(9000);
    expect(Buffer.from(await reader.read(9000))).toEqual(expected);
    await reader.skip(65_537);
    expect(reader.offset).toBe(76_147);
    const left = BYTES.subarray(76_147);
    expect((await collect(reader.rest())).equals(left)).toBe(true);
    expect(reader.offset).toBe(BYTES.length);
    expect(await reader.atEnd()).toBe(true);
  });

  test.each(CHUNK_SIZES)('readSome gives whole units in chunks of %s', async (size) => {
    const bytes = BYTES.subarray(0, 512 * 40);
    const reader = new ByteReader(producer(bytes, size));
    const parts: Buffer[] = [];
    while (!(await reader.atEnd())) {
      const some = await reader.readSome(4096, 512);
      expect(some.length % 512).toBe(0);
      expect(some.length).toBeGreaterThan(0);
      expect(some.length).toBeLessThanOrEqual(4096);
      parts.push(Buffer.from(some));
    }
    expect(Buffer.concat(parts).equals(bytes)).toBe(true);
  });

  test('does what a plain offset into the bytes would, in any order of calls', async () => {
    const call = fc.record({
      kind: fc.constantFrom('read', 'readUpTo', 'readSome', 'peek', 'unread', 'skip'),
      length: fc.integer({ min: 0, max: 300 }),
      unit: fc.integer({ min: 1, max: 40 }),
    });
    const size = fc.oneof(fc.integer({ min: 1, max: 200 }), fc.constant('random' as const));
    await fc.assert(
      fc.asyncProperty(fc.array(call, { maxLength: 30 }), size, async (calls, chunkSize) => {
        const bytes = BYTES.subarray(0, 2000);
        const reader = new ByteReader(producer(bytes, chunkSize));
        for (const { kind, length, unit } of calls) await compare(reader, bytes, kind, length, unit);
        const left = bytes.subarray(reader.offset);
        expect((await collect(reader.rest())).equals(left)).toBe(true);
      }),
    );
  });
});

/** Does one call, and compares what it gives with the bytes at the reader's offset. */
async function compare(reader: ByteReader, all: Uint8Array, kind: string, length: number, unit: number) {
  const start = reader.offset;
  const there = Math.min(length, all.length - start);
  const same = (bytes: Uint8Array, count: number) =>
    expect(Buffer.from(bytes)).toEqual(Buffer.from(all.subarray(start, start + count)));
  if (kind === 'peek') {
    same(await reader.peek(length), there);
    expect(reader.offset).toBe(start);
  } else if (kind === 'unread') {
    const bytes = await reader.readUpTo(length);
    reader.unread(bytes.subarray(Math.min(unit, bytes.length)));
    expect(reader.offset).toBe(start + Math.min(unit, there));
  } else if (kind === 'readSome' && all.length - start >= unit) {
    const bytes = await reader.readSome(unit * 3, unit);
    expect(bytes.length % unit).toBe(0);
    same(bytes, bytes.length);
  } else if (kind === 'skip' && there === length) {
    await reader.skip(length);
    expect(reader.offset).toBe(start + length);
  } else {
    same(await reader.readUpTo(length), there);
    expect(reader.offset).toBe(start + there);
  }
}

describe('at the end', () => {
  test.each(CHUNK_SIZES)('UNEXPECTED_END names where the bytes end, in chunks of %s', async (size) => {
    const bytes = BYTES.subarray(0, 1000);
    for (const act of [
      (reader: ByteReader) => reader.read(1000),
      (reader: ByteReader) => reader.skip(1000),
      (reader: ByteReader) => reader.skip(991).then(() => reader.readSome(64, 16)),
    ]) {
      const reader = new ByteReader(chunked(bytes, size));
      await reader.skip(7);
      await expect(act(reader)).rejects.toMatchObject({ code: 'UNEXPECTED_END', offset: 1000 });
    }
  });

  test('says how much is missing', async () => {
    const reader = new ByteReader(chunked(BYTES.subarray(0, 100), 7));
    await expect(reader.read(512)).rejects.toThrow('ends 412 bytes too early (at byte 100)');
  });

  test('peek and readUpTo give what is left, then nothing', async () => {
    const reader = new ByteReader(chunked(BYTES.subarray(0, 10), 4));
    expect(await reader.peek(100)).toHaveLength(10);
    expect(await reader.readUpTo(100)).toHaveLength(10);
    expect(await reader.readUpTo(100)).toHaveLength(0);
    expect(await reader.peek(1)).toHaveLength(0);
    expect(await reader.read(0)).toHaveLength(0);
    await expect(reader.readSome(1)).rejects.toMatchObject({ code: 'UNEXPECTED_END', offset: 10 });
  });

  test('an empty chunk is not the end', async () => {
    const reader = new ByteReader(
      (async function* () {
        yield new Uint8Array(0);
        yield Uint8Array.of(1);
        yield new Uint8Array(0);
        yield Uint8Array.of(2);
        yield new Uint8Array(0);
      })(),
    );
    expect(await reader.atEnd()).toBe(false);
    expect([...(await reader.read(2))]).toEqual([1, 2]);
    expect(await reader.atEnd()).toBe(true);
  });
});

describe('does not copy without need', () => {
  test('what lies within one chunk is a view of it', async () => {
    const chunk = noise(100);
    const reader = new ByteReader(once(chunk));
    expect((await reader.read(10)).buffer).toBe(chunk.buffer);
  });

  test('to peek and to put back what was read leaves the chunk where it is', async () => {
    const chunk = noise(100);
    const reader = new ByteReader(once(chunk));
    await reader.peek(10);
    const bytes = await reader.read(20);
    expect(bytes.buffer).toBe(chunk.buffer);
    reader.unread(bytes.subarray(5));
    const again = await reader.read(50);
    expect([again.buffer, again.byteOffset]).toEqual([chunk.buffer, 5]);
  });

  test('bytes that are put back from elsewhere are what comes next', async () => {
    const slab = noise(20);
    const reader = new ByteReader(once(slab.subarray(10)));
    const [before, other] = [slab.subarray(0, 10), Uint8Array.of(9, 9)];
    await reader.read(1);
    reader.unread(other);
    reader.unread(before);
    expect([...(await reader.readUpTo(100))]).toEqual([...before, ...other, ...slab.subarray(11)]);
  });
});

test('what is at hand can be looked at where it is, and consumed', async () => {
  const reader = new ByteReader(chunked(BYTES.subarray(0, 1200), 600));
  expect(reader.available).toBe(0);
  await reader.read(100);
  expect([reader.available, reader.position]).toEqual([500, 100]);
  expect(Buffer.from(reader.atHand)).toEqual(Buffer.from(BYTES.subarray(0, 600)));
  reader.advance(499);
  expect([reader.available, reader.offset]).toEqual([1, 599]);
  expect(Buffer.from(await reader.read(2))).toEqual(Buffer.from(BYTES.subarray(599, 601)));
  expect([reader.available, reader.position, reader.offset]).toEqual([599, 1, 601]);
});

test('puts back what was read last, though the next chunk is there already and next to it in memory', async () => {
  const slab = noise(20);
  const reader = new ByteReader(
    (async function* () {
      yield slab.subarray(0, 10);
      yield slab.subarray(10);
    })(),
  );
  const bytes = await reader.read(10);
  expect(await reader.atEnd()).toBe(false);
  reader.unread(bytes);
  expect([...(await reader.read(20))]).toEqual([...slab]);
});

describe('close', () => {
  test('calls the return of the source, once the rest is not wanted', async () => {
    const source = watched();
    const reader = new ByteReader(source.chunks);
    await reader.read(3);
    expect(source.closed()).toBe(0);
    await reader.close();
    expect(source.closed()).toBe(1);
    expect(await reader.atEnd()).toBe(true);
  });

  test('ending the iteration over the rest closes, too', async () => {
    const source = watched();
    for await (const chunk of new ByteReader(source.chunks).rest()) {
      expect(chunk).toHaveLength(4);
      break;
    }
    expect(source.closed()).toBe(1);
  });

  test('does without a return', async () => {
    const reader = new ByteReader({
      [Symbol.asyncIterator]: () => ({ next: async () => ({ done: true, value: 0 }) }),
    });
    await expect(reader.close()).resolves.toBeUndefined();
  });

  test('the failure of the source comes through', async () => {
    const reader = new ByteReader(
      (async function* () {
        yield Uint8Array.of(1);
        throw new Error('the disk is gone');
      })(),
    );
    await expect(reader.read(2)).rejects.toThrow('the disk is gone');
  });
});

test('rest of a reused buffer keeps what was peeked', async () => {
  const reader = new ByteReader(overwriting(BYTES.subarray(0, 5000), 512));
  await reader.peek(700);
  expect((await collect(reader.rest())).equals(BYTES.subarray(0, 5000))).toBe(true);
});

async function* once(chunk: Uint8Array): AsyncGenerator<Uint8Array> {
  yield chunk;
}

function watched(): { chunks: AsyncIterable<Uint8Array>; closed: () => number } {
  let closed = 0;
  async function* chunks(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) yield noise(4);
    } finally {
      closed++;
    }
  }
  return { chunks: chunks(), closed: () => closed };
}
