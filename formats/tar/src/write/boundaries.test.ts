import type { FileEntry } from '@vzdump-format/file-tree';
import { chunked, collect, noise, sha256 } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import { unpackTar, verifyTar } from '../read/unpack.js';
import { packTar } from './pack.js';

const STEP = 4 * 1024 * 1024;
const COUNT = 4000;

function entry(path: string, content: Uint8Array): FileEntry {
  return { path, type: 'file', mode: 0o644, uid: 0, gid: 0, mtime: 0n, size: content.length, content };
}

/** Some 26 MiB of small files, and a large one. */
function tree(changed: ReadonlyMap<string, Uint8Array> = new Map()): FileEntry[] {
  const large = Buffer.alloc(11 * 1024 * 1024, noise(1000));
  const entries: FileEntry[] = [];
  for (let index = 0; index < COUNT; index++) {
    const path = `directory/${index}`;
    entries.push(entry(path, changed.get(path) ?? Buffer.alloc(6000, `file ${index}. `)));
    if (index === COUNT / 2) entries.push(entry('large', changed.get('large') ?? large));
  }
  return entries;
}

async function packWithStarts(entries: readonly FileEntry[]): Promise<{ archive: Buffer; starts: number[] }> {
  const starts: number[] = [];
  let passed = 0;
  const onBoundary = (offset: number) => {
    expect(offset).toBeGreaterThanOrEqual(passed); // told before the bytes there are passed on
    expect(offset).toBeGreaterThan(starts.at(-1) ?? -1);
    starts.push(offset);
  };
  const parts: Buffer[] = [];
  for await (const chunk of packTar(entries, { onBoundary })) {
    parts.push(Buffer.from(chunk));
    passed += chunk.length;
  }
  return { archive: Buffer.concat(parts), starts };
}

/** The digests of what is between the starts. */
function partsOf({ archive, starts }: { archive: Buffer; starts: readonly number[] }): string[] {
  return [0, ...starts].map((start, index) =>
    sha256(archive.subarray(start, starts[index] ?? archive.length)),
  );
}

describe('boundaries', () => {
  test('begin every few megabytes, and in a large file every four', async () => {
    const { archive, starts } = await packWithStarts(tree());
    const sizes = [...starts, archive.length].map((end, index) => end - (starts[index - 1] ?? 0));
    expect(starts.length).toBeGreaterThan(8);
    expect(Math.max(...sizes)).toBeLessThan(12 * 1024 * 1024);
    const large = archive.indexOf('./large\0');
    expect(starts.filter((start) => start >= large && start < large + 11 * 1024 * 1024)).toEqual([
      large,
      large + 512 + STEP,
      large + 512 + 2 * STEP,
    ]);
  });

  test('do not begin where a large file ends', async () => {
    const { starts } = await packWithStarts([entry('large', Buffer.alloc(2 * STEP, 1))]);
    expect(starts).toEqual([0, 512 + STEP]);
  });

  test('stay as they are, but for the one in which something changed', async () => {
    const before = partsOf(await packWithStarts(tree()));
    for (const length of [0, 6000, 20_000]) {
      const changed = new Map([['directory/1234', noise(length, 9)]]);
      const after = partsOf(await packWithStarts(tree(changed)));
      const kept = new Set(before);
      expect(after.filter((frame) => !kept.has(frame)).length).toBeLessThanOrEqual(2);
    }
  });

  test('stay as they are in the rest of a large file', async () => {
    const large = Buffer.alloc(11 * 1024 * 1024, noise(1000));
    const before = new Set(partsOf(await packWithStarts(tree())));
    large[5 * 1024 * 1024]! ^= 1;
    const after = partsOf(await packWithStarts(tree(new Map([['large', large]]))));
    expect(after.filter((frame) => !before.has(frame))).toHaveLength(1);
  });

  test('are the same when the archive is read', async () => {
    const { archive, starts } = await packWithStarts(tree());
    for (const read of [unpackTar, verifyTar]) {
      const found: number[] = [];
      const onBoundary = (offset: number) => found.push(offset);
      const reading = read(chunked(archive, 100_000), { onBoundary });
      if (Symbol.asyncIterator in reading) for await (const _ of reading);
      else await reading;
      expect(found).toEqual(starts);
    }
  });
});

test('nothing is told of what is not asked for', async () => {
  expect((await collect(packTar([entry('f', noise(10))]))).length).toBe(10240);
});
