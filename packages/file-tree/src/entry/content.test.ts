import { isFileRange, type Piece, piecesOf } from '@vzdump-format/streams';
import { expect, test } from 'vitest';
import { ContentProgress } from './content.js';
import type { Content, FileEntry } from './entry.js';

function file(size: number, content: Content | undefined, extents?: FileEntry['extents']): FileEntry {
  return { path: 'f', type: 'file', mode: 0, uid: 0, gid: 0, mtime: 0n, size, content, extents };
}

async function* chunks(...lengths: readonly number[]): AsyncGenerator<Uint8Array> {
  for (const length of lengths) yield new Uint8Array(length);
}

/** What is told while the entries pass, and each content is read by `read`. */
async function told(entries: readonly FileEntry[], read: (content: Content) => Promise<void>) {
  const bytes: number[] = [];
  const progress = new ContentProgress((soFar) => bytes.push(soFar));
  async function* each(): AsyncGenerator<FileEntry> {
    yield* entries;
  }
  for await (const { content } of progress.watch(each())) if (content !== undefined) await read(content);
  expect(progress).toMatchObject({ entries: entries.length, bytes: bytes.at(-1) });
  return bytes;
}

async function readAll(content: Content): Promise<void> {
  if (!(content instanceof Uint8Array)) for await (const _ of content);
}

test('a large file counts piece by piece, when a piece is done with', async () => {
  const entries = [file(3, new Uint8Array(3)), file(100, chunks(40, 40, 20)), file(0, undefined)];
  expect(await told(entries, readAll)).toEqual([0, 3, 43, 83, 103, 103, 103]);
});

test('holes, and what nobody reads, count with the end of the file; what is too much does not', async () => {
  const sparse = () => file(100, chunks(10), [{ offset: 50, length: 10 }]);
  expect(await told([sparse(), sparse()], readAll)).toEqual([0, 10, 100, 110, 200]);
  expect(await told([file(100, chunks(40, 60))], async () => {})).toEqual([0, 100]);
  expect(await told([file(50, chunks(40, 60))], readAll)).toEqual([0, 40, 50, 50]);
});

test('of ranges, what was copied of them', async () => {
  async function* pieces(): AsyncGenerator<Piece> {
    const range = { length: 60, copied: 0, copyTo: () => 0 };
    yield range;
    yield new Uint8Array(100 - range.copied);
  }
  const content = { [Symbol.asyncIterator]: () => chunks(100), pieces };
  const readPieces = async (of: Content) => {
    if (of instanceof Uint8Array) return;
    for await (const piece of piecesOf(of)) if (isFileRange(piece)) Object.assign(piece, { copied: 25 });
  };
  expect(await told([file(100, content)], readPieces)).toEqual([0, 25, 100, 100]);
  expect(await told([file(100, content)], readAll)).toEqual([0, 100, 100]);
});

test('who stops reading lets go of the content', async () => {
  let closed = false;
  async function* endless(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) yield new Uint8Array(1);
    } finally {
      closed = true;
    }
  }
  const readOne = async (content: Content) => {
    if (!(content instanceof Uint8Array)) for await (const _ of content) break;
  };
  expect(await told([file(10, endless())], readOne)).toEqual([0, 10]);
  expect(closed).toBe(true);
});
