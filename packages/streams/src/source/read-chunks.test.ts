import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { collect, noise } from '@vzdump-format/testing';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BufferSource, type ByteSource } from './byte-source.js';
import { readChunks } from './read-chunks.js';

const BYTES = noise(10_000);

/** A source whose reads end when, and in the order in which, the test says so. */
class HeldSource implements ByteSource {
  readonly size = BYTES.length;
  readonly offsets: number[] = [];
  readonly buffers = new Set<ArrayBufferLike>();
  private readonly held: (() => void)[] = [];

  async read(buffer: Uint8Array, offset: number): Promise<number> {
    this.offsets.push(offset);
    this.buffers.add(buffer.buffer);
    await new Promise<void>((resolve) => this.held.push(resolve));
    return new BufferSource(BYTES).read(buffer, offset);
  }

  get underWay(): number {
    return this.held.length;
  }

  release(index = 0): void {
    this.held.splice(index, 1)[0]!();
  }

  async close(): Promise<void> {}
}

test('gives the bytes in order', async () => {
  const natural = (max: number) => fc.integer({ min: 0, max });
  await fc.assert(
    fc.asyncProperty(
      natural(10_000),
      natural(12_000),
      natural(5_000),
      natural(5),
      async (start, end, size, readAhead) => {
        const options = { start, end, chunkSize: size + 100, readAhead };
        const got = await collect(readChunks(new BufferSource(BYTES), options));
        expect(got.equals(BYTES.subarray(start, Math.max(start, end)))).toBe(true);
      },
    ),
  );
});

test('all of it in chunks of 1 MiB, unless told otherwise', async () => {
  const bytes = noise((2 << 20) + 5);
  const lengths: number[] = [];
  for await (const chunk of readChunks(new BufferSource(bytes))) lengths.push(chunk.length);
  expect(lengths).toEqual([1 << 20, 1 << 20, 5]);
});

test('a small source costs a small buffer', async () => {
  for await (const chunk of readChunks(new BufferSource(BYTES)))
    expect(chunk.buffer.byteLength).toBeLessThan(20_000);
});

describe('reading ahead', () => {
  test.each([0, 1, 2, 4])('%d reads are under way while the consumer works', async (readAhead) => {
    const source = new HeldSource();
    const chunks = readChunks(source, { chunkSize: 1000, readAhead });
    for (let index = 0; index < 5; index++) {
      const next = chunks.next();
      await settle();
      source.release();
      expect((await next).value).toHaveLength(1000);
      await settle();
      expect(source.underWay).toBe(readAhead);
    }
    const ended = chunks.return(undefined);
    while (source.underWay > 0) source.release();
    await ended;
  });

  test('keeps the order when a later read is done first', async () => {
    const source = new HeldSource();
    const chunks = readChunks(source, { chunkSize: 5000, readAhead: 1 });
    const first = chunks.next();
    await settle();
    source.release(1);
    await settle();
    source.release(0);
    expect(Buffer.from((await first).value!).equals(BYTES.subarray(0, 5000))).toBe(true);
    expect(Buffer.from((await chunks.next()).value!).equals(BYTES.subarray(5000))).toBe(true);
    expect((await chunks.next()).done).toBe(true);
  });

  test('to end early waits for what is under way', async () => {
    const source = new HeldSource();
    const chunks = readChunks(source, { chunkSize: 1000, readAhead: 2 });
    const first = chunks.next();
    await settle();
    source.release();
    await first;
    let ended = false;
    const end = chunks.return(undefined).then(() => {
      ended = true;
    });
    await settle();
    expect(ended).toBe(false);
    while (source.underWay > 0) source.release();
    await end;
    expect(source.offsets).toEqual([0, 1000, 2000]);
  });
});

describe('buffers', () => {
  test('are used again, and only once their chunk is done with', async () => {
    const bytes = noise(100_000);
    const seen = new Set<ArrayBufferLike>();
    const got: Buffer[] = [];
    for await (const chunk of readChunks(new BufferSource(bytes), {
      chunkSize: 1000,
      readAhead: 2,
    })) {
      await settle(); // time for a read to go wrong in
      seen.add(chunk.buffer);
      got.push(Buffer.from(chunk));
    }
    expect(Buffer.concat(got).equals(bytes)).toBe(true);
    expect(seen.size).toBeLessThanOrEqual(4);
  });
});

describe('a source that shrinks', () => {
  const shrunk = (size: number): ByteSource => ({
    size: BYTES.length,
    read: (buffer, offset) => new BufferSource(BYTES.subarray(0, size)).read(buffer, offset),
    close: async () => {},
  });

  test.each([0, 1, 999, 1000, 1001, 2500])('ends it at its %d bytes', async (size) => {
    for (const readAhead of [0, 2, 20]) {
      const got = await collect(readChunks(shrunk(size), { chunkSize: 1000, readAhead }));
      expect(got.equals(BYTES.subarray(0, size))).toBe(true);
    }
  });

  test('nothing that was read behind the gap is given out', async () => {
    const source = shrunk(10_000);
    const gap: ByteSource = {
      ...source,
      read: (buffer, offset) => source.read(offset === 1000 ? buffer.subarray(0, 10) : buffer, offset),
    };
    const got = await collect(readChunks(gap, { chunkSize: 1000, readAhead: 2 }));
    expect(got.equals(BYTES.subarray(0, 1010))).toBe(true);
  });
});

describe('ends with an error', () => {
  test('when a read fails, after the chunks before it', async () => {
    const source: ByteSource = {
      size: 5000,
      read: async (buffer, offset) => {
        if (offset >= 2000) throw new Error(`bad sector ${offset}`);
        return buffer.length;
      },
      close: async () => {},
    };
    let count = 0;
    const run = async () => {
      for await (const _ of readChunks(source, { chunkSize: 1000, readAhead: 4 })) count++;
    };
    await expect(run()).rejects.toThrow('bad sector 2000');
    expect(count).toBe(2);
  });

  test('when aborted', async () => {
    const controller = new AbortController();
    let count = 0;
    const run = async () => {
      for await (const _ of readChunks(new BufferSource(BYTES), {
        chunkSize: 1000,
        signal: controller.signal,
      })) {
        if (++count === 3) controller.abort();
      }
    };
    await expect(run()).rejects.toThrow('aborted');
    expect(count).toBe(3);
  });

  test('when aborted while a read is under way, whose bytes are not given out', async () => {
    const source = new HeldSource();
    const controller = new AbortController();
    const first = readChunks(source, { readAhead: 0, signal: controller.signal }).next();
    await settle();
    controller.abort();
    source.release();
    await expect(first).rejects.toThrow('aborted');
  });

  test('when aborted before it began, without a read', async () => {
    const source = new HeldSource();
    await expect(readChunks(source, { signal: AbortSignal.abort() }).next()).rejects.toThrow('aborted');
    expect(source.offsets).toEqual([]);
  });
});

/** Lets everything go on that can. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

describe('going on further on', () => {
  test('skips bytes, and reads all behind them', async () => {
    const chunks = readChunks(new BufferSource(BYTES), { start: 100, chunkSize: 1000 });
    await chunks.next();
    expect(Buffer.from((await chunks.next()).value!).equals(BYTES.subarray(1100, 2100))).toBe(true);
    expect(chunks.position).toBe(2100);
    await chunks.skip(777);
    expect(chunks.position).toBe(2877);
    expect((await collect(chunks)).equals(BYTES.subarray(2877))).toBe(true);
  });

  test('reads nothing of what is skipped, behind what was read ahead', async () => {
    const source = new HeldSource();
    const chunks = readChunks(source, { chunkSize: 1000, readAhead: 1 });
    const first = chunks.next();
    await settle();
    source.release();
    await first;
    const skipped = chunks.skip(3000);
    while (source.underWay > 0) source.release();
    await skipped;
    const next = chunks.next();
    await settle();
    expect(source.offsets).toEqual([0, 1000, 4000, 5000]);
    source.release();
    expect(Buffer.from((await next).value!).equals(BYTES.subarray(4000, 5000))).toBe(true);
    const ended = chunks.return();
    while (source.underWay > 0) source.release();
    await ended;
  });
});

const STREAMS = fileURLToPath(new URL('../../dist/index.js', import.meta.url));

/** A program that reads its standard input with `readPipe`; `body` is what it does with `chunks`. */
function reader(body: string) {
  const program = `import { readPipe } from '${STREAMS}';
    const controller = new AbortController();
    const chunks = readPipe(0, controller.signal);
    ${body}`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  child.stdin.on('error', () => {}); // the reader may go before all is written
  const output: Buffer[] = [];
  child.stdout.on('data', (chunk) => output.push(chunk));
  const ended = once(child, 'close').then(() => Buffer.concat(output).toString());
  return { child, ended };
}

const DIGEST = `import { createHash } from 'node:crypto';
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of chunks) { hash.update(chunk); bytes += chunk.length; WAIT }
  console.log(bytes, hash.digest('hex'));`;

test.each([
  ['as fast as it comes', ''],
  ['by a reader that is slower', 'await new Promise(setImmediate); await new Promise(setImmediate);'],
])('all bytes, in order, %s', async (_, wait) => {
  const bytes = Buffer.alloc(5_000_001, Buffer.from(Array.from({ length: 997 }, (_, index) => index % 251)));
  const { child, ended } = reader(DIGEST.replace('WAIT', wait));
  for (let at = 0; at < bytes.length; at += 70_001) child.stdin.write(bytes.subarray(at, at + 70_001));
  child.stdin.end();
  expect(await ended).toBe(`${bytes.length} ${createHash('sha256').update(bytes).digest('hex')}\n`);
});

test('nothing is the end', async () => {
  const { child, ended } = reader(
    'for await (const chunk of chunks) console.log(chunk.length); console.log("end");',
  );
  child.stdin.end();
  expect(await ended).toBe('end\n');
});

test('whoever has enough can leave: the program ends though the pipe stays open', async () => {
  const { child, ended } = reader('for await (const chunk of chunks) { console.log(chunk.length); break; }');
  child.stdin.write('abc');
  expect(await ended).toBe('3\n');
});

test('an abort ends the waiting', async () => {
  const { child, ended } = reader(`setImmediate(() => controller.abort(new Error('enough')));
    try { for await (const chunk of chunks); } catch (error) { console.log(error.message); }`);
  expect(await ended).toBe('enough\n');
  child.stdin.destroy();
});
