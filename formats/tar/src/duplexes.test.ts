import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Items } from '@vzdump-format/streams';
import { chunked, collect, noise, overwriting } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import type { TarEntry } from './read/member.js';
import { createUnpackTar, unpackTar } from './read/unpack.js';
import { goldenArchive } from './testing/archives.js';
import { describeEntries } from './testing/entries.js';
import { createPackTar, packTar } from './write/pack.js';

const NAMES = ['vzdump-full', 'gnu-sparse-0.1', 'bsd-pax'];

function sink(): { stream: Writable; bytes: () => Buffer } {
  const parts: Buffer[] = [];
  const stream = new Writable({
    objectMode: true,
    write: (chunk: Uint8Array, _encoding, done) => {
      parts.push(Buffer.from(chunk));
      done();
    },
  });
  return { stream, bytes: () => Buffer.concat(parts) };
}

describe('as Node streams', () => {
  test.each(NAMES)('%s is unpacked and packed the same', async (name) => {
    const bytes = goldenArchive(name);
    const expected = await collect(packTar(unpackTar(chunked(bytes, 65536))));
    const { stream, bytes: written } = sink();
    await pipeline(overwriting(bytes, 1000), createUnpackTar(), createPackTar(), stream);
    expect(written().equals(expected)).toBe(true);
  });

  test.each(NAMES)('%s: entries are those of the generator, whatever is asked ahead', async (name) => {
    const bytes = goldenArchive(name);
    const entries = Readable.from(chunked(bytes, 3000)).pipe(createUnpackTar()) as AsyncIterable<TarEntry>;
    expect(await describeEntries(entries)).toEqual(await describeEntries(unpackTar(chunked(bytes, 65536))));
  });

  test('a small content stays as it is when the next entry has come', async () => {
    const kept: TarEntry[] = [];
    const entries = Readable.from(chunked(goldenArchive('gnu-sparse-old'), 512)).pipe(createUnpackTar());
    for await (const entry of entries as AsyncIterable<TarEntry>) kept.push(entry);
    const dense = kept.find(({ path }) => path === 'dense')!;
    expect(Buffer.from(dense.content as Uint8Array).toString('latin1', 0, 16)).toBe('0123456789abcdef');
  });

  test('a large content may be left after a look', async () => {
    const paths: string[] = [];
    const entries = Readable.from(chunked(goldenArchive('gnu-gnu'), 512)).pipe(createUnpackTar());
    for await (const { path, content } of entries as AsyncIterable<TarEntry>) {
      paths.push(path);
      if (content === undefined || content instanceof Uint8Array) continue;
      for await (const _ of content) break;
    }
    expect(paths).toHaveLength(32);
  });
});

describe('errors are passed on', () => {
  test('of a bad archive', async () => {
    const source = Readable.from(chunked(goldenArchive('gnu-gnu').subarray(0, 50_000), 4096));
    const { stream } = sink();
    await expect(pipeline(source, createUnpackTar(), createPackTar(), stream)).rejects.toMatchObject({
      code: 'TAR_TRUNCATED',
    });
    expect(source.destroyed).toBe(true);
  });

  test('of the stream behind, while a large content waits to be read', async () => {
    const source = Readable.from(chunked(goldenArchive('gnu-gnu'), 512));
    const full = new Writable({
      objectMode: true,
      write: ({ content }: TarEntry, _encoding, done) =>
        content === undefined || content instanceof Uint8Array ? done() : done(new Error('no space')),
    });
    await expect(pipeline(source, createUnpackTar(), full)).rejects.toThrow('no space');
    expect(source.destroyed).toBe(true);
  });

  test('of entries that cannot be packed', async () => {
    const entries = Readable.from([
      { path: '../up', type: 'file', mode: 0, uid: 0, gid: 0, mtime: 0n, size: 1, content: noise(1) },
    ]);
    await expect(pipeline(entries, createPackTar(), sink().stream)).rejects.toMatchObject({
      code: 'TAR_NAME',
    });
  });

  test('content of a member that is past', async () => {
    let late: Items<Uint8Array> | undefined;
    for await (const { content } of unpackTar(chunked(goldenArchive('gnu-gnu'), 4096))) {
      if (content !== undefined && !(content instanceof Uint8Array)) late = content;
    }
    const reading = (async () => {
      for await (const _ of late!);
    })();
    await expect(reading).rejects.toThrow('until the next one is asked for');
  });
});
