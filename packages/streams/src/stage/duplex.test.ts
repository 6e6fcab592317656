import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { chunked, noise, overwriting } from '@vzdump-format/testing';
import { expect, test } from 'vitest';
import { ByteReader } from '../source/byte-reader.js';
import { toByteDuplex, toPackingDuplex, toUnpackingDuplex } from './duplex.js';
import { Meter, metered } from './pass-through.js';

interface Line {
  readonly text: string;
}

async function* unpackPairs(source: AsyncIterable<Uint8Array>): AsyncGenerator<Line> {
  const reader = new ByteReader(source);
  while (!(await reader.atEnd())) yield { text: Buffer.from(await reader.read(2)).toString() };
}

test('bytes pass through a pipeline', async () => {
  const bytes = noise(300_000);
  const got: Buffer[] = [];
  const meter = new Meter();
  await pipeline(Readable.from(chunked(bytes, 4097)), toByteDuplex(metered(meter)), into(got));
  expect(Buffer.concat(got).equals(bytes)).toBe(true);
  expect(meter.progress.bytes).toBe(bytes.length);
});

test('what is lent to it, bytes or records, is copied before it waits', async () => {
  const bytes = noise(300_000);
  async function* records(source: AsyncIterable<Uint8Array>): AsyncGenerator<{ data: Uint8Array }> {
    for await (const data of source) yield { data };
  }
  async function* contents(items: AsyncIterable<{ data: Uint8Array }>): AsyncGenerator<Uint8Array> {
    for await (const { data } of items) yield data;
  }
  const [all, packed, kept]: [Buffer[], Buffer[], { data: Buffer }[]] = [[], [], []];
  await Promise.all([
    pipeline(overwriting(bytes, 1000), toByteDuplex(metered(new Meter())), into(all)),
    pipeline(records(overwriting(bytes, 1000)), toPackingDuplex(contents), into(packed)),
    pipeline(
      overwriting(bytes, 1000),
      toUnpackingDuplex((source) => records(overwritten(source))),
      async (items) => {
        for await (const item of items) kept.push(item as { data: Buffer });
      },
    ),
  ]);
  expect(Buffer.concat(all).equals(bytes)).toBe(true);
  expect(Buffer.concat(packed).equals(bytes)).toBe(true);
  expect(Buffer.concat(kept.map(({ data }) => data)).equals(bytes)).toBe(true);
});

/** Each chunk in the same memory, written over when the next one is asked for. */
async function* overwritten(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const memory = Buffer.alloc(1 << 20);
  for await (const chunk of source) {
    memory.set(chunk);
    yield memory.subarray(0, chunk.length);
    memory.fill(0);
  }
}

test('what is written last is copied, too', async () => {
  const last = Buffer.from('last');
  const duplex = toByteDuplex(metered(new Meter()));
  duplex.end(last);
  last.fill(0);
  expect(Buffer.concat(await duplex.toArray()).toString()).toBe('last');
});

test('records come out in object mode', async () => {
  const duplex = toUnpackingDuplex(unpackPairs);
  expect(duplex.readableObjectMode).toBe(true);
  duplex.write(Buffer.from('ab'));
  duplex.end(Buffer.from('cdef'));
  expect(await duplex.toArray()).toEqual([{ text: 'ab' }, { text: 'cd' }, { text: 'ef' }]);
});

test('records go in in object mode', async () => {
  const got: Buffer[] = [];
  async function* packLines(lines: AsyncIterable<Line>): AsyncGenerator<Uint8Array> {
    for await (const line of lines) yield Buffer.from(line.text);
  }
  await pipeline(Readable.from([{ text: 'ab' }, { text: 'cd' }]), toPackingDuplex(packLines), into(got));
  expect(Buffer.concat(got).toString()).toBe('abcd');
});

test('an error of the stage fails the pipeline, and the source is let go', async () => {
  const source = Readable.from(chunked(noise(101), 7));
  await expect(pipeline(source, toUnpackingDuplex(unpackPairs), into([]))).rejects.toMatchObject({
    code: 'UNEXPECTED_END',
    offset: 101,
  });
  expect(source.destroyed).toBe(true);
});

test('an error before anything was read fails the pipeline', async () => {
  // biome-ignore lint/correctness/useYield: it fails before
  async function* refuse(_: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    throw new Error('refused');
  }
  const source = Readable.from(chunked(noise(100_000), 512));
  await expect(pipeline(source, toByteDuplex(refuse), into([]))).rejects.toThrow('refused');
  expect(source.destroyed).toBe(true);
});

test('an error of the source reaches the stage and the pipeline', async () => {
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('ab');
    throw new Error('the disk is gone');
  }
  await expect(pipeline(Readable.from(broken()), toUnpackingDuplex(unpackPairs), into([]))).rejects.toThrow(
    'the disk is gone',
  );
});

test('an error of the sink ends the stage', async () => {
  let ended = false;
  async function* stage(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    try {
      yield* source;
    } finally {
      ended = true;
    }
  }
  const sink = new Writable({ write: (_chunk, _encoding, done) => done(new Error('no space')) });
  const source = Readable.from(chunked(noise(100_000), 512));
  await expect(pipeline(source, toByteDuplex(stage), sink)).rejects.toThrow('no space');
  await new Promise((resolve) => setImmediate(resolve));
  expect(ended).toBe(true);
});

function into(parts: Buffer[]): Writable {
  return new Writable({
    objectMode: true,
    write(chunk, _encoding, done) {
      if (chunk instanceof Uint8Array) parts.push(Buffer.from(chunk));
      setImmediate(done);
    },
  });
}
