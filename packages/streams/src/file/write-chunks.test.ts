import { type FileHandle, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import {
  CHUNK_SIZES,
  chunked,
  collect,
  noise,
  overwriting,
  PRODUCERS,
  useTemporaryDirectory,
} from '@vzdump-format/testing';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { blockingWriter, writeFully, writeToFile, writeToStream } from './write-chunks.js';

const BYTES = noise(700_001);

describe('writeToFile', () => {
  const temporaryDirectory = useTemporaryDirectory();
  let handle: FileHandle;
  const written = () => readFile(join(temporaryDirectory(), 'file'));

  beforeEach(async () => {
    handle = await open(join(temporaryDirectory(), 'file'), 'wx');
  });

  afterEach(() => handle.close());

  test('with a blocking writer, which lets the event loop turn now and then', async () => {
    const most = 2000;
    let turned = false;
    let count = 0;
    setImmediate(() => {
      turned = true;
    });
    async function* untilTurned() {
      for (; !turned && count < most; count++) yield BYTES.subarray(0, 65_536);
    }
    expect(await writeToFile(untilTurned(), handle, blockingWriter())).toBe(count * 65_536);
    expect(count).toBeLessThan(most);
    expect((await written()).subarray(-65_536).equals(BYTES.subarray(0, 65_536))).toBe(true);
  });

  describe.each(PRODUCERS)('from %s', (_, producer) => {
    test.each([...CHUNK_SIZES, 65_535, 262_144, 300_000])('in chunks of %s', async (size) => {
      const bytes = size === 1 ? BYTES.subarray(0, 300_000) : BYTES;
      expect(await writeToFile(producer(bytes, size), handle)).toBe(bytes.length);
      expect((await written()).equals(bytes)).toBe(true);
    });
  });

  test('small chunks are gathered, large ones go straight, all in order', async () => {
    const write = vi.spyOn(handle, 'write');
    const lengths = [
      ...Array(1000).fill(1000),
      70_000,
      10,
      70_001,
      300_000,
      65_536,
      ...Array(5).fill(60_000),
    ];
    const parts = lengths.map((length, index) => noise(length, index));
    async function* chunks(): AsyncGenerator<Uint8Array> {
      yield* parts;
    }
    await writeToFile(chunks(), handle);
    expect((await written()).equals(Buffer.concat(parts))).toBe(true);
    expect(write.mock.calls.map(([, , length]) => length)).toEqual([
      262_000, 262_000, 262_000, 214_000, 70_000, 10, 70_001, 300_000, 65_536, 240_000, 60_000,
    ]);
  });

  test('nothing', async () => {
    expect(await writeToFile(chunked(new Uint8Array(0), 1), handle)).toBe(0);
    expect(await written()).toHaveLength(0);
  });

  test('a short write goes on where it stopped', async () => {
    const write = handle.write.bind(handle);
    vi.spyOn(handle, 'write').mockImplementation(((
      bytes: Uint8Array,
      start: number,
      length: number,
      at: number,
    ) => write(bytes, start, Math.min(length, 1001), at)) as unknown as FileHandle['write']);
    await writeFully(handle, BYTES.subarray(0, 10_000), 0);
    await writeFully(handle, BYTES.subarray(10_000, 20_000), 10_000);
    expect((await written()).equals(BYTES.subarray(0, 20_000))).toBe(true);
  });

  test('a failed write ends it, and closes the source', async () => {
    vi.spyOn(handle, 'write').mockRejectedValue(new Error('no space'));
    const source = watched();
    await expect(writeToFile(source.chunks, handle)).rejects.toThrow('no space');
    expect(source.closed()).toBe(true);
  });
});

describe('writeToStream', () => {
  test('asks for a chunk only when the one before is gone, and leaves the stream open', async () => {
    const parts: Buffer[] = [];
    const stream = new Writable({
      highWaterMark: 1 << 20,
      write(chunk, _encoding, done) {
        setImmediate(() => {
          parts.push(Buffer.from(chunk));
          done();
        });
      },
    });
    const bytes = BYTES.subarray(0, 50_000);
    expect(await writeToStream(overwriting(bytes, 4097), stream)).toBe(bytes.length);
    expect(Buffer.concat(parts).equals(bytes)).toBe(true);
    expect(stream.writableEnded).toBe(false);
    expect(listeners(stream)).toBe(0);
  });

  test('a failing write rejects with its error, closes the source, and is no unhandled event', async () => {
    const stream = new Writable({ write: (_chunk, _encoding, done) => done(new Error('EPIPE')) });
    const source = watched();
    await expect(writeToStream(source.chunks, stream)).rejects.toThrow('EPIPE');
    expect(source.closed()).toBe(true);
    await settle();
  });

  test('a write that fails later', async () => {
    const stream = new Writable({
      write: (_chunk, _encoding, done) => setImmediate(done, new Error('EPIPE')),
    });
    await expect(writeToStream(chunked(BYTES, 512), stream)).rejects.toThrow('EPIPE');
    await settle();
  });

  test('a stream that failed before', async () => {
    const stream = sink();
    stream.on('error', () => {});
    stream.destroy(new Error('gone'));
    await settle();
    await expect(writeToStream(chunked(BYTES, 512), stream)).rejects.toThrow('gone');
  });

  test('a stream that was destroyed or ended before', async () => {
    const destroyed = sink();
    destroyed.destroy();
    await expect(writeToStream(chunked(BYTES, 512), destroyed)).rejects.toThrow();
    const ended = sink();
    ended.end();
    await settle();
    await expect(writeToStream(chunked(BYTES, 512), ended)).rejects.toThrow();
    await settle();
  });

  test('a stream that is destroyed while a write is under way that never comes back', async () => {
    for (const error of [new Error('gone'), undefined]) {
      const stream = new Writable({ write: () => {} });
      const written = expect(writeToStream(chunked(BYTES, 512), stream)).rejects.toThrow(
        error?.message ?? 'close',
      );
      await settle();
      stream.destroy(error);
      await written;
      await settle();
    }
  });

  test('a stream that fails while the source is waited for', async () => {
    const stream = sink();
    async function* slow(): AsyncGenerator<Uint8Array> {
      yield Uint8Array.of(1);
      stream.destroy(new Error('gone'));
      await settle();
      yield Uint8Array.of(2);
    }
    await expect(writeToStream(slow(), stream)).rejects.toThrow('gone');
  });

  test('a stream that fails, but is not destroyed, is not written to again', async () => {
    const lengths: number[] = [];
    const stream = new Writable({
      autoDestroy: false,
      write(chunk, _encoding, done) {
        lengths.push(chunk.length);
        done();
      },
    });
    async function* slow(): AsyncGenerator<Uint8Array> {
      yield new Uint8Array(1);
      stream.emit('error', new Error('gone'));
      yield new Uint8Array(2);
    }
    await expect(writeToStream(slow(), stream)).rejects.toThrow('gone');
    expect(lengths).toEqual([1]);
  });

  test('a stream that tells of its error only after the rejection', async () => {
    const stream = new Writable({
      write: (_chunk, _encoding, done) => done(new Error('EPIPE')),
      destroy: (error, done) => {
        setImmediate(done, error);
      },
    });
    await expect(writeToStream(chunked(BYTES, 512), stream)).rejects.toThrow('EPIPE');
    await settle();
    await settle();
    expect(stream.closed).toBe(true);
  });

  test('a failing source rejects, and leaves the stream as it is', async () => {
    const stream = sink();
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield Uint8Array.of(1);
      throw new Error('the disk is gone');
    }
    await expect(writeToStream(broken(), stream)).rejects.toThrow('the disk is gone');
    expect(stream.destroyed).toBe(false);
    expect(listeners(stream)).toBe(0);
  });

  test('nothing to write', async () => {
    expect(await writeToStream(chunked(new Uint8Array(0), 1), sink())).toBe(0);
    expect(await collect(chunked(new Uint8Array(0), 1))).toHaveLength(0);
  });
});

function sink(): Writable {
  return new Writable({ write: (_chunk, _encoding, done) => done() });
}

function listeners(stream: Writable): number {
  return stream.listenerCount('error') + stream.listenerCount('close');
}

function watched(): { chunks: AsyncIterable<Uint8Array>; closed: () => boolean } {
  let closed = false;
  async function* chunks(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) yield noise(70_000);
    } finally {
      closed = true;
    }
  }
  return { chunks: chunks(), closed: () => closed };
}

/** Lets every event come out that is on its way. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
