import { closeSync, openSync, readFileSync, truncateSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import {
  chunksOf,
  type FileRange,
  FileSource,
  type Items,
  isFileRange,
  type Piece,
  piecesOf,
  readChunks,
} from '@vzdump-format/streams';
import { useTemporaryDirectory } from '@vzdump-format/testing';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { unpackTar } from './read/unpack.js';
import { packTar } from './write/pack.js';

const MIB = 1 << 20;
const LARGE = 20 * MIB + 3;

function pattern(length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  for (let at = 0; at < length; at++) bytes[at] = (at ^ (at >> 8) ^ (at >> 16)) & 0xff;
  return bytes;
}

const CONTENTS = new Map([
  ['a', pattern(10)],
  ['large', pattern(LARGE)],
  ['larger', pattern(LARGE + 512)],
  ['z', pattern(20)],
]);

const temporaryDirectory = useTemporaryDirectory();
const archive = () => join(temporaryDirectory(), 'archive.tar');

beforeEach(async () => {
  const entries = [...CONTENTS].map(([path, content]) => {
    const owner = { mode: 0o644, uid: 0, gid: 0, mtime: 0n };
    return { path, type: 'file' as const, ...owner, size: content.length, content };
  });
  const fd = openSync(archive(), 'w');
  for await (const chunk of packTar(entries)) writeSync(fd, chunk);
  closeSync(fd);
});

type Take = (pieces: Items<Piece>) => Promise<Buffer>;

/** What each file holds, as `take` has it. */
async function contents(take: Take): Promise<Map<string, Buffer>> {
  const source = await FileSource.open(archive());
  onTestFinished(() => source.close());
  const seen = new Map<string, Buffer>();
  for await (const { path, content } of unpackTar(readChunks(source))) {
    if (content instanceof Uint8Array) seen.set(path, Buffer.from(content));
    else if (content !== undefined) seen.set(path, await take(piecesOf(content)));
  }
  return seen;
}

let ranges: FileRange[] = [];

/** Takes a content as whoever has ranges of it copied. */
function copying(copies: (range: FileRange, target: number, at: number) => number): Take {
  return async (pieces) => {
    const path = join(temporaryDirectory(), 'copy');
    const target = openSync(path, 'w');
    let at = 0;
    for await (const piece of pieces) {
      if (isFileRange(piece)) ranges.push(piece);
      at += isFileRange(piece) ? copies(piece, target, at) : writeSync(target, piece, 0, piece.length, at);
    }
    closeSync(target);
    return readFileSync(path);
  };
}

function expectWhole(seen: ReadonlyMap<string, Buffer>): void {
  expect([...seen.keys()]).toEqual([...CONTENTS.keys()]);
  for (const [path, bytes] of CONTENTS) expect(seen.get(path)!.equals(bytes), path).toBe(true);
}

describe('large contents of an archive that is a file', () => {
  beforeEach(() => {
    ranges = [];
  });

  test('can be copied from it', async () => {
    expectWhole(await contents(copying((range, target, at) => range.copyTo(target, at))));
    expect(ranges.every(({ copied }) => copied > 0)).toBe(true);
    const copied = ranges.reduce((sum, range) => sum + range.copied, 0);
    expect(copied).toBeGreaterThan(2 * LARGE - 3 * MIB);
  });

  test('come as chunks from where copying ended on', async () => {
    let left = 5;
    const copies = (range: FileRange, target: number, at: number) =>
      left-- > 0 ? range.copyTo(target, at, 1_000_001) : 0;
    expectWhole(await contents(copying(copies)));
    expect(ranges.map(({ copied }) => copied)).toEqual([...Array(5).fill(1_000_001), 0, 0]);
  });

  test('come as chunks to those who copy nothing, and to those who want chunks', async () => {
    expectWhole(await contents(copying(() => 0)));
    expectWhole(await contents((pieces) => copying(() => 0)(chunksOf(pieces))));
  });

  test('need not be read to their end', async () => {
    const seen = await contents(async (pieces) => {
      for await (const piece of pieces) {
        if (!isFileRange(piece)) continue;
        const target = openSync(join(temporaryDirectory(), 'copy'), 'w');
        piece.copyTo(target, 0);
        closeSync(target);
        break;
      }
      return Buffer.alloc(0);
    });
    expect([...seen.keys()]).toEqual([...CONTENTS.keys()]);
    expect(seen.get('z')!.equals(CONTENTS.get('z')!)).toBe(true);
  });

  test('of an archive that was cut short are an error', async () => {
    truncateSync(archive(), 10 * MIB);
    const copies = contents(copying((range, target, at) => range.copyTo(target, at)));
    await expect(copies).rejects.toMatchObject({ code: 'TAR_TRUNCATED', entry: 'large' });
  });

  test('of an archive that is cut short meanwhile, too', async () => {
    let isFirst = true;
    const copies = contents(
      copying((range, target, at) => {
        const copied = range.copyTo(target, at, MIB);
        if (isFirst) truncateSync(archive(), 10 * MIB);
        isFirst = false;
        return copied;
      }),
    );
    await expect(copies).rejects.toMatchObject({ code: 'TAR_TRUNCATED', entry: 'large' });
  });
});
