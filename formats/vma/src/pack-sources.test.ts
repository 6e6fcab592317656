import { appendFile, open, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SparseFileSource } from '@vzdump-format/posix';
import {
  type ArchiveWarning,
  BufferSource,
  type ByteRange,
  type ByteSource,
  FileSource,
} from '@vzdump-format/streams';
import { RecipeSource } from '@vzdump-format/test-vectors';
import { collect, noise, sha256, useTemporaryDirectory } from '@vzdump-format/testing';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CLUSTER_SIZE } from './format.js';
import { CTIME, UUID } from './testing/built-archive.js';
import { packVma } from './write/pack.js';

const MIB = 1 << 20;
const GIB = 1 << 30;
const temporaryDirectory = useTemporaryDirectory();

function pack(source: ByteSource, onWarning?: (warning: ArchiveWarning) => void): AsyncGenerator<Uint8Array> {
  return packVma({ drives: [{ name: 'drive-scsi0', source }], uuid: UUID, ctime: CTIME, onWarning });
}

/** A source with data in these ranges only. */
class RangesSource extends BufferSource {
  bytesRead = 0;

  constructor(
    size: number,
    readonly ranges: readonly ByteRange[],
  ) {
    const content = Buffer.alloc(size);
    for (const { start, end } of ranges) noise(end - start, start).copy(content, start);
    super(content);
  }

  override async read(buffer: Uint8Array, offset: number): Promise<number> {
    const got = await super.read(buffer, offset);
    this.bytesRead += got;
    return got;
  }

  async nextData(offset: number): Promise<ByteRange | undefined> {
    const range = this.ranges.find(({ end }) => end > offset);
    return range && { start: Math.max(range.start, offset), end: range.end };
  }

  /** The same without telling its holes. */
  get dense(): ByteSource {
    return { size: this.size, read: (buffer, offset) => super.read(buffer, offset), close: async () => {} };
  }
}

describe('holes', () => {
  test('are not read', async () => {
    const segments = [5, GIB, 3 * GIB - 1].map((offset) => ({
      offset,
      length: 1,
      gen: 'byte' as const,
      value: 1,
    }));
    const source = new RecipeSource({ source_bytes: 3 * GIB, segments });
    await collect(pack(source));
    expect(source.bytesRead).toBe(3 * CLUSTER_SIZE);
  });

  test('a drive of nothing else is not read at all', async () => {
    const source = new RecipeSource({ source_bytes: GIB, segments: [] });
    expect((await collect(pack(source))).length).toBe(12800 + Math.ceil(GIB / CLUSTER_SIZE / 58) * 512);
    expect(source.bytesRead).toBe(0);
  });

  test('wherever data begins and ends, the archive is the same, and what was not asked for is not read', async () => {
    const size = 9 * MIB + 1536;
    const ranges = fc
      .uniqueArray(fc.integer({ min: 0, max: size }), { minLength: 2, maxLength: 16 })
      .map((edges) => {
        const sorted = [...edges].sort((a, b) => a - b);
        return sorted.flatMap((start, index) => {
          const end = sorted[index + 1];
          return index % 2 === 0 && end !== undefined ? [{ start, end: Math.min(end, start + 70_000) }] : [];
        });
      });
    await fc.assert(
      fc.asyncProperty(ranges, async (found) => {
        const source = new RangesSource(size, found);
        const archive = await collect(pack(source));
        expect(archive.equals(await collect(pack(source.dense)))).toBe(true);
        const touched = new Set<number>();
        for (const { start, end } of found) {
          for (let at = start - (start % CLUSTER_SIZE); at < end; at += CLUSTER_SIZE) touched.add(at);
        }
        const expected = [...touched].reduce((sum, at) => sum + Math.min(CLUSTER_SIZE, size - at), 0);
        expect(source.bytesRead).toBe(expected);
      }),
      { numRuns: 25 },
    );
  });

  test('a range that goes on behind the source’s end is read up to there', async () => {
    const source = Object.assign(new BufferSource(noise(1000)), {
      nextData: async (start: number) => ({ start, end: 10 * MIB }),
    });
    expect(sha256(await collect(pack(source)))).toBe(
      sha256(await collect(pack(new BufferSource(noise(1000))))),
    );
  });

  test('data that is said to begin behind the source’s end is none', async () => {
    const source = Object.assign(new BufferSource(Buffer.alloc(1000)), {
      nextData: async () => ({ start: 2000, end: 3000 }),
    });
    expect((await collect(pack(source))).length).toBe(12800 + 512);
  });

  test('of a real file', async () => {
    const path = join(temporaryDirectory(), 'sparse.raw');
    const file = await open(path, 'w');
    await file.truncate(64 * MIB);
    await file.write(noise(70_000), 0, 70_000, 33 * MIB + 5);
    await file.close();
    const sparse = await SparseFileSource.open(path);
    const plain = await FileSource.open(path);
    expect((await collect(pack(sparse))).equals(await collect(pack(plain)))).toBe(true);
    await sparse.close();
    await plain.close();
  });
});

describe('a source that changes', () => {
  test.each([
    ['told of its holes', SparseFileSource],
    ['read throughout', FileSource],
  ])('by shrinking, %s, is an error', async (_, kind) => {
    const path = join(temporaryDirectory(), 'shrinking.raw');
    await writeFile(path, noise(30 * MIB));
    const source = await kind.open(path);
    const packing = pack(source);
    await packing.next();
    await packing.next();
    await truncate(path, 15 * MIB);
    await expect(collect(packing)).rejects.toMatchObject({
      code: 'SOURCE_SHRANK',
      entry: 'drive-scsi0',
      message: expect.stringContaining(`drive-scsi0 ended at byte ${15 * MIB} while it was read`),
    });
    await source.close();
  });

  test('by anything else is a warning, when all is written', async () => {
    const path = join(temporaryDirectory(), 'changing.raw');
    await writeFile(path, noise(MIB));
    const source = await SparseFileSource.open(path);
    const warnings: ArchiveWarning[] = [];
    const packing = pack(source, (warning) => warnings.push(warning));
    await packing.next();
    await appendFile(path, 'more');
    await collect(packing);
    expect(warnings).toMatchObject([{ code: 'SOURCE_CHANGED', entry: 'drive-scsi0' }]);
    await source.close();
  });

  test('by nothing is no warning', async () => {
    const path = join(temporaryDirectory(), 'still.raw');
    await writeFile(path, noise(MIB));
    const source = await SparseFileSource.open(path);
    const warnings: ArchiveWarning[] = [];
    await collect(pack(source, (warning) => warnings.push(warning)));
    expect(warnings).toEqual([]);
    await source.close();
  });
});

describe('a source that cannot be read', () => {
  test('is named, and the system’s error is the cause', async () => {
    const failure = Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO', syscall: 'read' });
    const source = Object.assign(new BufferSource(noise(MIB)), { read: () => Promise.reject(failure) });
    await expect(collect(pack(source))).rejects.toMatchObject({
      name: 'ArchiveError',
      code: 'SOURCE_READ',
      entry: 'drive-scsi0',
      message: expect.stringMatching(/^drive-scsi0 cannot be read at byte 0: .*EIO/),
      cause: { code: 'EIO' },
    });
  });

  test('for another reason passes its error on', async () => {
    const failure = new Error('the connection is gone');
    const source = Object.assign(new BufferSource(noise(MIB)), { read: () => Promise.reject(failure) });
    await expect(collect(pack(source))).rejects.toBe(failure);
  });
});
