import { BufferSource, type ByteSource } from '@vzdump-format/streams';
import { testByteSource } from '@vzdump-format/streams/testing';
import { chunked, collect } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import type { CompressOptions } from '../codec.js';
import { mixedBytes, randomBytes } from './bytes.js';
import { type CodecCase, fileOfSeveralBlocks, smallFile } from './codec-case.js';
import { entryOf, indexSource, resealed } from './index-files.js';

/** Knows whether it was closed. */
class WatchedSource extends BufferSource {
  isClosed = false;

  override async close(): Promise<void> {
    this.isClosed = true;
  }
}

/** What every codec promises of its content at any offset; and what it says where that cannot be had. */
export function testSeeking(tried: CodecCase): void {
  describe('at any offset', () => {
    if (tried.seekable === 'never') return testNever(tried);
    if (tried.seekable === 'as it is') testAsItIs(tried);
    else testOnlyByIndex(tried);
    testIndex(tried);
    testClosing(tried);
  });
}

/** In several parts, where the codec has any. */
async function inParts({ codec, options }: CodecCase, content: Uint8Array): Promise<Buffer> {
  const small: CompressOptions = { ...options, frameSize: 128 << 10 };
  return collect(codec.compress(small)(chunked(content, 65_536)));
}

const CONTENT = Buffer.concat([mixedBytes(500_000), Buffer.alloc(300_000), randomBytes(100_000)]);

async function codeOf(opening: Promise<ByteSource>): Promise<string> {
  return opening.then(
    () => 'opened',
    (error: { readonly code: string }) => error.code,
  );
}

function testNever(tried: CodecCase): void {
  test('cannot be had, with the way out', async () => {
    const source = new WatchedSource((await smallFile(tried)).file);
    const refusal = { code: 'NOT_SEEKABLE', hint: expect.stringContaining('convert') };
    await expect(tried.codec.openSeekable(source)).rejects.toMatchObject(refusal);
    await expect(collect(tried.codec.buildIndex(source))).rejects.toMatchObject(refusal);
    expect(source.isClosed).toBe(false);
  });
}

function testAsItIs(tried: CodecCase): void {
  testByteSource('as it is, what it holds', async () => {
    const source = new BufferSource(await inParts(tried, CONTENT));
    return { content: CONTENT, open: () => tried.codec.openSeekable(source) };
  });

  test('has nothing of an empty content', async () => {
    const content = await tried.codec.openSeekable(new BufferSource(await inParts(tried, Buffer.alloc(0))));
    expect(content.size).toBe(0);
    expect(await content.read(Buffer.alloc(1), 0)).toBe(0);
    await content.close();
  });
}

function testOnlyByIndex(tried: CodecCase): void {
  test('takes an index, as the refusal says', async () => {
    const source = new WatchedSource((await smallFile(tried)).file);
    const refusal = { code: 'NOT_SEEKABLE', hint: expect.stringContaining('index') };
    await expect(tried.codec.openSeekable(source)).rejects.toMatchObject(refusal);
    expect(source.isClosed).toBe(false);
  });
}

function testIndex(tried: CodecCase): void {
  const { codec } = tried;

  testByteSource('by an index, what it holds', async () => {
    const source = new BufferSource(await inParts(tried, CONTENT));
    const index = await indexSource(codec.buildIndex(source));
    return { content: CONTENT, open: () => codec.openSeekable(source, { index }) };
  });

  if (codec.isIdentity) return; // it needs none

  test('refuses an index that is damaged, cut off, or of another file', async () => {
    const { file } = await fileOfSeveralBlocks(tried);
    const source = new WatchedSource(file);
    const index = await collect(codec.buildIndex(source));
    const open = (bytes: Uint8Array, of: ByteSource = source) =>
      codeOf(codec.openSeekable(of, { index: new BufferSource(bytes) }));
    expect(await open(index)).toBe('opened');
    expect(await open(index.subarray(0, 40))).toBe('INDEX_DAMAGED');
    expect(await open(index.subarray(0, -1))).toBe('INDEX_DAMAGED');
    expect(await open(Buffer.alloc(0))).toBe('INDEX_DAMAGED');
    const entry = entryOf(index, 0);
    expect(await open(Buffer.from(index).fill(0xff, entry + 14, entry + 15))).toBe('INDEX_DAMAGED');
    expect(await open(Buffer.from(index).fill(0xff, index.length - 30, index.length - 29))).toBe(
      'INDEX_DAMAGED',
    );
    const changed = Buffer.from(file);
    changed[20]! ^= 1;
    expect(await open(index, new BufferSource(changed))).toBe('INDEX_STALE');
    expect(await open(index, new BufferSource(Buffer.concat([file, Buffer.alloc(1)])))).toBe('INDEX_STALE');
    const foreign = Buffer.from(index);
    foreign.write('other\0\0\0', 8, 'latin1'); // the codec's name
    expect(await open(resealed(foreign))).toBe('INDEX_STALE');
    expect(source.isClosed).toBe(false);
  });

  test('makes no index of a file that is cut off, nor when it is aborted', async () => {
    const { file } = await fileOfSeveralBlocks(tried);
    const cut = new BufferSource(file.subarray(0, file.length - 1000));
    await expect(collect(codec.buildIndex(cut))).rejects.toMatchObject({ code: `${tried.prefix}_TRUNCATED` });
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(collect(codec.buildIndex(new BufferSource(file), { signal }))).rejects.toThrow('enough');
  });
}

function testClosing(tried: CodecCase): void {
  test('closes its source when it is closed', async () => {
    const source = new WatchedSource(await inParts(tried, CONTENT));
    const index = new WatchedSource(await collect(tried.codec.buildIndex(source)));
    const content = await tried.codec.openSeekable(source, { index });
    await content.read(Buffer.alloc(10), 5);
    expect(source.isClosed).toBe(false);
    await content.close();
    expect(source.isClosed).toBe(true);
    expect(index.isClosed).toBe(!tried.codec.isIdentity);
  });
}
