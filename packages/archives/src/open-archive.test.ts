import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import {
  type ArchiveWarning,
  BufferSource,
  type ByteSource,
  RateLimiter,
  readChunks,
} from '@vzdump-format/streams';
import { openFilesIn, scratch } from '@vzdump-format/testing';
import { packVma } from '@vzdump-format/vma';
import { describe, expect, test } from 'vitest';
import type { StoredArchive } from './archive-format.js';
import { openArchive } from './open-archive.js';

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const chunk of chunks) parts.push(Buffer.from(chunk)); // it may be reused
  return Buffer.concat(parts);
}

async function makeArchive(): Promise<Buffer> {
  const drives = [{ name: 'a', source: new BufferSource(Buffer.alloc(300_000, 'content')) }];
  return collect(packVma({ drives }));
}

async function writeArchive(name: string, bytes: Uint8Array): Promise<{ directory: string; path: string }> {
  const directory = await scratch();
  await writeFile(join(directory, name), bytes);
  return { directory, path: join(directory, name) };
}

describe('a limiter counts what is stored', () => {
  test.each([
    ['a.vma', (bytes: Buffer) => bytes],
    ['a.vma.gz', (bytes: Buffer) => gzipSync(bytes)],
  ])('of %s', async (name, encode) => {
    const bytes = await makeArchive();
    const stored = encode(bytes);
    const { path } = await writeArchive(name, stored);
    for (const input of [path, readChunks(new BufferSource(stored))]) {
      const limiter = new RateLimiter(0);
      const archive = await openArchive(input, { limiter });
      expect((await collect(archive.bytes)).equals(bytes)).toBe(true);
      await archive.close();
      expect(Math.abs(limiter.passed - stored.length)).toBeLessThan(stored.length * 0.05 + 1);
    }
  });
});

describe('a file', () => {
  test('that is not compressed can be read at any offset', async () => {
    const bytes = await makeArchive();
    const { directory, path } = await writeArchive('a.vma', bytes);
    const archive = await openArchive(path);
    expect([archive.format.name, archive.codec.name]).toEqual(['vma', 'none']);
    expect(archive.source?.size).toBe(bytes.length);
    expect((await collect(archive.bytes)).equals(bytes)).toBe(true);
    await archive.close();
    expect(await openFilesIn(directory)).toEqual([]);
  });

  test('that is compressed is read uncompressed, in order only', async () => {
    const bytes = await makeArchive();
    const { directory, path } = await writeArchive('a.vma.gz', gzipSync(bytes));
    const archive = await openArchive(path);
    expect([archive.format.name, archive.codec.name, archive.source]).toEqual(['vma', 'gzip', undefined]);
    expect((await collect(archive.bytes)).equals(bytes)).toBe(true);
    await archive.close();
    expect(await openFilesIn(directory)).toEqual([]);
  });

  test('may be closed before it is read to the end, or at all', async () => {
    const { directory, path } = await writeArchive('a.vma.gz', gzipSync(await makeArchive()));
    await (await openArchive(path)).close();
    const archive = await openArchive(path);
    for await (const _ of archive.bytes) break;
    await archive.close();
    expect(await openFilesIn(directory)).toEqual([]);
  });

  test.each([
    ['is no archive', 'a', Buffer.from('something else'), 'FORMAT_UNKNOWN'],
    ['is empty', 'a', Buffer.alloc(0), 'FORMAT_UNKNOWN'],
    ['is compressed, but no archive', 'a.gz', gzipSync('something else'), 'FORMAT_UNKNOWN'],
    ['is damaged at once', 'a.vma.gz', gzipSync('x').fill(0xff, 2), expect.stringMatching(/^GZIP_/)],
  ])('that %s is refused, and closed', async (_, name, bytes, code) => {
    const { directory, path } = await writeArchive(name, bytes);
    await expect(openArchive(path)).rejects.toMatchObject({ name: 'ArchiveError', code });
    expect(await openFilesIn(directory)).toEqual([]);
  });

  test('that is not there is an error of the system', async () => {
    await expect(openArchive('/nonexistent')).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

test('bytes in motion', async () => {
  const bytes = await makeArchive();
  const archive = await openArchive(readChunks(new BufferSource(gzipSync(bytes)), { chunkSize: 1 }));
  expect([archive.format.name, archive.codec.name, archive.source]).toEqual(['vma', 'gzip', undefined]);
  expect((await collect(archive.bytes)).equals(bytes)).toBe(true);
  await archive.close();
});

describe('an archive in a store', () => {
  /** As a store gives it that keeps no files. */
  function stored(bytes: Uint8Array, path = 'store:a.vma') {
    const open: ByteSource[] = [];
    const archive: StoredArchive = {
      path,
      async open() {
        const source = new BufferSource(bytes);
        open.push(source);
        source.close = async () => void open.splice(open.indexOf(source), 1);
        return source;
      },
    };
    return { archive, open };
  }

  test.each([
    ['as it is', (bytes: Buffer) => bytes, 'none'],
    ['compressed', (bytes: Buffer) => gzipSync(bytes), 'gzip'],
  ])('is opened by that, %s, and closed with the archive', async (_, encode, codec) => {
    const bytes = await makeArchive();
    const { archive: input, open } = stored(encode(bytes), `store:a.vma${codec === 'none' ? '' : '.gz'}`);
    const archive = await openArchive(input);
    expect(archive.codec.name).toBe(codec);
    expect((await collect(archive.bytes)).equals(bytes)).toBe(true);
    expect(open).toHaveLength(1);
    await archive.close();
    expect(open).toEqual([]);
  });

  test('is closed when it is none', async () => {
    const { archive, open } = stored(Buffer.from('something else'), 'store:a');
    await expect(openArchive(archive)).rejects.toMatchObject({ code: 'FORMAT_UNKNOWN' });
    expect(open).toEqual([]);
  });

  test('is named in warnings', async () => {
    const { archive: input } = stored(gzipSync(await makeArchive()));
    const warnings: ArchiveWarning[] = [];
    const archive = await openArchive(input, { onWarning: (warning) => warnings.push(warning) });
    await archive.close();
    expect(warnings).toMatchObject([{ code: 'CODEC_MISNOMER', entry: 'store:a.vma' }]);
  });
});

test('an abort ends the reading', async () => {
  const { directory, path } = await writeArchive('a.vma', await makeArchive());
  const controller = new AbortController();
  const archive = await openArchive(path, { signal: controller.signal });
  controller.abort(new Error('enough'));
  await expect(collect(archive.bytes)).rejects.toThrow('enough');
  await archive.close();
  expect(await openFilesIn(directory)).toEqual([]);
});

describe('a name that is wrong about the codec is a warning', () => {
  test.each([
    ['a.vma', true, 'not compressed, but its content is gzip'],
    ['a.vma.zst', true, 'zstd, but its content is gzip'],
    ['a.vma.gz', false, 'gzip, but its content is not compressed'],
  ])('%s', async (name, compressed, message) => {
    const bytes = await makeArchive();
    const { path } = await writeArchive(name, compressed ? gzipSync(bytes) : bytes);
    const warnings: ArchiveWarning[] = [];
    await (await openArchive(path, { onWarning: (warning) => warnings.push(warning) })).close();
    expect(warnings).toEqual([
      { code: 'CODEC_MISNOMER', message: `${path} is named as ${message}`, entry: path },
    ]);
  });

  test.each(['backup', 'a.vma.gz'])('not so: %s', async (name) => {
    const { path } = await writeArchive(name, gzipSync(await makeArchive()));
    const warnings: ArchiveWarning[] = [];
    await (await openArchive(path, { onWarning: (warning) => warnings.push(warning) })).close();
    expect(warnings).toEqual([]);
  });
});
