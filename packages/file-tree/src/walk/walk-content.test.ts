import {
  appendFileSync,
  closeSync,
  ftruncateSync,
  linkSync,
  openSync,
  readFileSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { punchHole } from '@vzdump-format/posix';
import { type ArchiveWarning, type FileRange, isFileRange, piecesOf } from '@vzdump-format/streams';
import { EXT4, testOnFileSystem, withDirectory } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import type { Extent, FileEntry } from '../entry/entry.js';
import { runTool } from '../testing/tools.js';
import { walked } from '../testing/walked.js';
import { walk } from './walk.js';

const KIB = 1 << 10;
const MIB = 1 << 20;

/** No two stretches of it are the same. */
function pattern(length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  for (let at = 0; at < length; at++) bytes[at] = (at ^ (at >> 8) ^ (at >> 16)) & 0xff;
  return bytes;
}

function writeSparse(path: string, size: number, ...extents: Extent[]): void {
  const fd = openSync(path, 'w');
  ftruncateSync(fd, size);
  for (const { offset, length } of extents) writeSync(fd, pattern(length), 0, length, offset);
  closeSync(fd);
}

describe('content', () => {
  const sizes = [0, 1, 4095, 64 * KIB - 1, 64 * KIB, 64 * KIB + 1, MIB - 1, MIB, MIB + 1, 3 * MIB + 7];

  test('is that of the file', async () => {
    await withDirectory(async (root) => {
      for (const size of sizes) writeFileSync(join(root, `${size}`), pattern(size));
      const { entries, warnings, at } = await walked(root);
      expect(warnings).toEqual([]);
      expect(entries).toHaveLength(sizes.length + 1);
      for (const size of sizes) {
        const { bytes, content, extents } = at(`${size}`);
        expect(bytes!.equals(pattern(size))).toBe(true);
        expect(content instanceof Uint8Array).toBe(size <= 64 * KIB);
        expect(at(`${size}`).size).toBe(size);
        expect(extents).toBeUndefined();
      }
    });
  });

  test('of large files comes in chunks of 1 MiB, as often as it is read', async () => {
    await withDirectory(async (root) => {
      writeFileSync(join(root, 'f'), pattern(2 * MIB + 5));
      for await (const { content } of walk(root)) {
        if (content === undefined) continue;
        for (let time = 0; time < 2; time++) {
          const lengths: number[] = [];
          for await (const chunk of content as AsyncIterable<Uint8Array>) lengths.push(chunk.length);
          expect(lengths).toEqual([MIB, MIB, 5]);
        }
      }
    });
  });

  test('need not be read', async () => {
    await withDirectory(async (root) => {
      for (const name of ['a', 'b', 'c']) writeFileSync(join(root, name), pattern(MIB));
      let last: FileEntry | undefined;
      const seen: string[] = [];
      for await (const entry of walk(root)) {
        seen.push(entry.path);
        if (entry.path === 'b') for await (const _ of entry.content as AsyncIterable<Uint8Array>) break;
        last = entry;
      }
      expect(seen).toEqual(['', 'a', 'b', 'c']);
      const late = async () => {
        for await (const _ of last!.content as AsyncIterable<Uint8Array>);
      };
      await expect(late()).rejects.toThrow('was not read before the next entry was asked for');
    });
  });
});

describe.each([tmpdir(), '/dev/shm'])('holes (%s)', (parent) => {
  test('are where the file system says', async () => {
    await withDirectory(async (root) => {
      const some = [
        { offset: 64 * KIB, length: 64 * KIB },
        { offset: 2 * MIB, length: 128 * KIB },
      ];
      writeSparse(join(root, 'middle'), 4 * MIB, ...some);
      writeSparse(join(root, 'start'), MIB, { offset: 0, length: 8 * KIB });
      writeSparse(join(root, 'end'), MIB + 100, { offset: MIB, length: 100 });
      writeSparse(join(root, 'none'), 50 * MIB);
      writeSparse(
        join(root, 'large'),
        8 * MIB,
        { offset: MIB, length: 3 * MIB },
        { offset: 6 * MIB, length: MIB },
      );
      writeFileSync(join(root, 'zeros'), Buffer.alloc(MIB));
      const { at, warnings } = await walked(root);
      expect(warnings).toEqual([]);
      expect(at('middle')).toMatchObject({ size: 4 * MIB, extents: some });
      expect(at('middle').bytes!.equals(Buffer.concat([pattern(64 * KIB), pattern(128 * KIB)]))).toBe(true);
      expect(at('start')).toMatchObject({ size: MIB, extents: [{ offset: 0, length: 8 * KIB }] });
      expect(at('start').content).toBeInstanceOf(Uint8Array);
      expect(at('end')).toMatchObject({ size: MIB + 100, extents: [{ offset: MIB, length: 100 }] });
      expect(at('end').bytes!.equals(pattern(100))).toBe(true);
      expect(at('none')).toMatchObject({ size: 50 * MIB, extents: [], bytes: Buffer.alloc(0) });
      expect(at('large').extents).toHaveLength(2);
      expect(at('large').bytes!.equals(Buffer.concat([pattern(3 * MIB), pattern(MIB)]))).toBe(true);
      expect(at('zeros')).toMatchObject({ size: MIB, extents: undefined });
      expect(at('zeros').bytes!.equals(Buffer.alloc(MIB))).toBe(true);
    }, parent);
  });

  test('other names of sparse files are links', async () => {
    await withDirectory(async (root) => {
      writeSparse(join(root, 'a'), MIB, { offset: 0, length: 8 * KIB });
      linkSync(join(root, 'a'), join(root, 'b'));
      const { at } = await walked(root);
      expect(at('b')).toMatchObject({ type: 'hardlink', linkTarget: 'a', extents: undefined, size: 0 });
    }, parent);
  });
});

testOnFileSystem(
  'of a file in very many pieces small holes count as data',
  { type: 'tmpfs' },
  async (root) => {
    const page = 4 * KIB;
    const pieces = 70_000;
    const fd = openSync(join(root, 'f'), 'w');
    for (let index = 0; index < pieces; index++) writeSync(fd, 'x', index * 2 * page);
    ftruncateSync(fd, pieces * 2 * page + 100 * MIB);
    closeSync(fd);
    const { at, warnings } = await walked(root);
    const { extents, bytes, size } = at('f');
    expect(warnings).toEqual([]);
    expect(extents!.length).toBeLessThanOrEqual(1 << 16);
    expect(extents!.reduce((sum, { length }) => sum + length, 0)).toBe(bytes!.length);
    expect(bytes!.length).toBeLessThan(size - 100 * MIB + 1);
    let taken = 0;
    for (const { offset, length } of extents!) {
      for (let at = offset; at < offset + length; at += page, taken += page) {
        if (bytes![taken] !== (at % (2 * page) === 0 ? 0x78 : 0)) throw new Error(`wrong at ${at}`);
      }
    }
    expect(taken).toBe(bytes!.length);
  },
);

describe('a large file', () => {
  const SIZE = 3 * MIB;
  const change = async (make: (path: string, chunk: number) => void, prepare?: (path: string) => void) => {
    let result: Awaited<ReturnType<typeof walked>> | undefined;
    await withDirectory(async (root) => {
      const path = join(root, 'f');
      writeFileSync(path, pattern(SIZE));
      prepare?.(path);
      writeFileSync(join(root, 'g'), 'after');
      result = await walked(root, {
        onChunk: (_, chunk) => make(path, chunk),
      });
    });
    expect(result!.paths).toEqual(['', 'f', 'g']);
    expect(result!.at('g').bytes!.toString()).toBe('after');
    return { entry: result!.at('f'), warnings: result!.warnings };
  };

  test('that becomes shorter is filled up with zeros', async () => {
    const { entry, warnings } = await change((path, chunk) => {
      if (chunk === 0) truncateSync(path, MIB + 10);
    });
    expect(entry.size).toBe(SIZE);
    const expected = Buffer.concat([pattern(MIB + 10), Buffer.alloc(SIZE - MIB - 10)]);
    expect(entry.bytes!.equals(expected)).toBe(true);
    expect(warnings).toEqual([
      {
        code: 'TREE_SHRANK',
        message: 'f became shorter while it was read: what was gone of its 3145728 bytes is zeros',
        entry: 'f',
      },
    ]);
  });

  test('that becomes empty, too', async () => {
    const { entry, warnings } = await change((path, chunk) => {
      if (chunk === 0) truncateSync(path, 0);
    });
    expect(entry.bytes!.equals(Buffer.concat([pattern(MIB), Buffer.alloc(2 * MIB)]))).toBe(true);
    expect(warnings).toMatchObject([{ code: 'TREE_SHRANK' }]);
  });

  test('that becomes longer is cut', async () => {
    const { entry, warnings } = await change((path, chunk) => {
      if (chunk === 1) appendFileSync(path, 'more');
    });
    expect(entry.bytes!.equals(pattern(SIZE))).toBe(true);
    expect(warnings).toEqual([
      {
        code: 'TREE_GREW',
        message: 'f became longer while it was read: it is cut at its 3145728 bytes',
        entry: 'f',
      },
    ]);
  });

  test('that is written to in place', async () => {
    const { warnings } = await change((path, chunk) => {
      if (chunk !== 0) return;
      const fd = openSync(path, 'r+');
      writeSync(fd, 'new', 2 * MIB);
      closeSync(fd);
    });
    expect(warnings).toEqual([
      {
        code: 'TREE_CHANGED',
        message: 'f changed while it was read: the archive may hold a mix of old and new',
        entry: 'f',
      },
    ]);
  });

  test('that is written to and gets its old time back', async () => {
    const { warnings } = await change(
      (path, chunk) => {
        if (chunk !== 2) return;
        const fd = openSync(path, 'r+');
        writeSync(fd, 'new', 0);
        closeSync(fd);
        utimesSync(path, 1, 1);
      },
      (path) => utimesSync(path, 1, 1),
    );
    expect(warnings).toMatchObject([{ code: 'TREE_CHANGED' }]);
  });

  test('with holes that becomes shorter', async () => {
    const { entry, warnings } = await change(
      (path, chunk) => {
        if (chunk === 0) truncateSync(path, 17 * MIB);
      },
      (path) =>
        writeSparse(path, 20 * MIB, { offset: MIB, length: MIB / 2 }, { offset: 16 * MIB, length: 2 * MIB }),
    );
    const kept = pattern(2 * MIB).subarray(0, MIB);
    expect(entry.bytes!.equals(Buffer.concat([pattern(MIB / 2), kept, Buffer.alloc(MIB)]))).toBe(true);
    expect(warnings).toMatchObject([{ code: 'TREE_SHRANK' }]);
  });

  test('with a hole more is as it was', async () => {
    const { entry, warnings } = await change((path, chunk) => {
      if (chunk !== 0) return;
      const fd = openSync(path, 'r+');
      expect(punchHole(fd, 2 * MIB, MIB)).toBe(true);
      closeSync(fd);
    });
    expect(entry.bytes!.equals(Buffer.concat([pattern(2 * MIB), Buffer.alloc(MIB)]))).toBe(true);
    expect(warnings).toMatchObject([{ code: 'TREE_CHANGED' }]);
  });

  test('that is read only in part is not judged', async () => {
    await withDirectory(async (root) => {
      writeFileSync(join(root, 'f'), pattern(SIZE));
      const warnings: unknown[] = [];
      for await (const { content } of walk(root, { onWarning: (warning) => warnings.push(warning) })) {
        if (content === undefined) continue;
        for await (const _ of content as AsyncIterable<Uint8Array>) {
          truncateSync(join(root, 'f'), 0);
          break;
        }
      }
      expect(warnings).toEqual([]);
    });
  });

  test('stops at a signal', async () => {
    await withDirectory(async (root) => {
      writeFileSync(join(root, 'f'), pattern(SIZE));
      const aborter = new AbortController();
      let chunks = 0;
      const onChunk = () => {
        chunks++;
        aborter.abort();
      };
      await expect(walked(root, { signal: aborter.signal, onChunk })).rejects.toThrow('aborted');
      expect(chunks).toBe(1);
    });
  });
});

describe('on a disk with bad blocks', () => {
  /** Takes away all that is behind the first MiB of the image that the file system is in. */
  function damage(mounted: string, ...names: string[]): void {
    for (const name of names) {
      const path = join(mounted, name);
      runTool('dd', ['count=0', 'oflag=nocache', 'conv=notrunc,fdatasync', 'status=none', `of=${path}`]); // forgets it
    }
    truncateSync(join(mounted, '../image'), MIB);
  }

  testOnFileSystem('a small file is left out', EXT4, async (root) => {
    for (const name of ['a', 'b']) writeFileSync(join(root, name), pattern(20 * KIB));
    linkSync(join(root, 'b'), join(root, 'b2'));
    damage(root, 'b');
    const { paths, warnings } = await walked(root, {
      excludes: { excludes: (path) => path === 'lost+found' },
    });
    expect(paths).toEqual(['', 'a']);
    const message = expect.stringMatching(/cannot be read, and is left out: EIO/);
    expect(warnings).toEqual(['b', 'b2'].map((entry) => ({ code: 'TREE_UNREADABLE', message, entry })));
  });

  testOnFileSystem('a large file ends the archive: its size is already in there', EXT4, async (root) => {
    writeFileSync(join(root, 'f'), pattern(2 * MIB));
    damage(root, 'f');
    await expect(walked(root)).rejects.toThrow(
      expect.objectContaining({
        code: 'TREE_READ',
        entry: 'f',
        cause: expect.objectContaining({ code: 'EIO' }),
      }),
    );
  });
});

type Copies = (range: FileRange, target: number, at: number) => number;

/** The content of a file as it comes to whoever has ranges of it copied. */
async function copied({ content }: FileEntry, copies: Copies): Promise<Buffer> {
  let bytes = Buffer.alloc(0);
  await withDirectory(async (directory) => {
    const path = join(directory, 'copy');
    const target = openSync(path, 'w');
    let at = 0;
    for await (const piece of piecesOf(content as AsyncIterable<Uint8Array>)) {
      at += isFileRange(piece) ? copies(piece, target, at) : writeSync(target, piece, 0, piece.length, at);
    }
    closeSync(target);
    bytes = readFileSync(path);
  });
  return bytes;
}

describe('content with ranges to be copied', () => {
  const size = 5 * MIB + 3;
  const extents = [
    { offset: MIB, length: 2 * MIB },
    { offset: 4 * MIB, length: 64 * KIB },
    { offset: 6 * MIB, length: 64 * KIB },
    { offset: 8 * MIB, length: MIB },
  ];

  test.each<[string, Copies]>([
    ['all of them', (range, target, at) => range.copyTo(target, at)],
    ['a few bytes of each', (range, target, at) => range.copyTo(target, at, 300 * KIB + 1)],
    ['nothing', () => 0],
  ])('is that of the file where the taker copies %s', async (_, copies) => {
    await withDirectory(async (root) => {
      writeFileSync(join(root, 'f'), pattern(size));
      writeSparse(join(root, 'g'), 10 * MIB, ...extents);
      const warnings: unknown[] = [];
      const seen = new Map<string, Buffer>();
      const onWarning = (warning: unknown) => warnings.push(warning);
      for await (const entry of walk(root, { onWarning })) {
        if (entry.type === 'file') seen.set(entry.path, await copied(entry, copies));
      }
      expect(seen.get('f')!.equals(pattern(size))).toBe(true);
      expect(seen.get('g')!.equals(Buffer.concat(extents.map(({ length }) => pattern(length))))).toBe(true);
      expect(warnings).toEqual([]);
    });
  });

  test.each([
    ['becomes shorter', (path: string) => truncateSync(path, MIB + 1), 'TREE_SHRANK'],
    ['becomes longer', (path: string) => appendFileSync(path, 'more'), 'TREE_GREW'],
  ])('of a file that %s meanwhile has the length that was told', async (_, change, code) => {
    await withDirectory(async (root) => {
      const path = join(root, 'f');
      writeFileSync(path, pattern(size));
      const warnings: ArchiveWarning[] = [];
      for await (const entry of walk(root, { onWarning: (warning) => warnings.push(warning) })) {
        if (entry.type !== 'file') continue;
        let ranges = 0;
        const bytes = await copied(entry, (range, target, at) => {
          const count = range.copyTo(target, at, MIB);
          if (ranges++ === 0) change(path);
          return count;
        });
        const expected = pattern(size);
        if (code === 'TREE_SHRANK') expected.fill(0, MIB + 1);
        expect(bytes.equals(expected)).toBe(true);
      }
      expect(warnings.map((warning) => warning.code)).toEqual([code]);
    });
  });
});
