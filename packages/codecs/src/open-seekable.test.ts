import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import zlib from 'node:zlib';
import { BufferSource, type ByteSource } from '@vzdump-format/streams';
import { collect, overwriting, scratch, seededRandom, testWith } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import { buildIndex, codec, openSeekable } from './registry.js';
import { readInOrder } from './seekable/segmented-source.js';
import { mixedBytes, randomBytes } from './testing/bytes.js';
import { entryOf, FOOTER_SIZE, indexSource, resealed, tableOf } from './testing/index-files.js';
import { runTool } from './testing/tools.js';

const FRAME_SIZE = 4 * 1024 * 1024;

const plain = Buffer.concat([
  mixedBytes(6_000_000),
  Buffer.alloc(3_000_000),
  randomBytes(1_000_000),
  mixedBytes(7_000_000, 3),
]);

const compress = (name: string, bytes: Uint8Array = plain, options = {}) =>
  collect(codec(name).compress(options)(overwriting(bytes, 1 << 20)));

/** Reads here and there, across and beyond the ends. */
async function expectContent(content: ByteSource, expected: Buffer): Promise<void> {
  expect(content.size).toBe(expected.length);
  const random = seededRandom(8);
  for (let round = 0; round < 60; round++) {
    const offset = random(expected.length);
    const buffer = Buffer.alloc(Math.floor((random(1000) / 1000) ** 4 * 6_000_000));
    const length = await content.read(buffer, offset);
    expect(length).toBe(Math.min(buffer.length, expected.length - offset));
    expect(buffer.subarray(0, length).equals(expected.subarray(offset, offset + length))).toBe(true);
  }
  expect(await content.read(Buffer.alloc(10), expected.length)).toBe(0);
  expect(await content.read(Buffer.alloc(10), expected.length + 5)).toBe(0);
}

/** Counts what is read of it. */
class CountedSource extends BufferSource {
  bytesRead = 0;

  override read(buffer: Uint8Array, offset: number): Promise<number> {
    this.bytesRead += buffer.length;
    return super.read(buffer, offset);
  }
}

describe('as it is', () => {
  test.each(['lzo', 'zstd'])('%s, of which little can be kept', async (name) => {
    const source = new BufferSource(await compress(name));
    const content = await openSeekable(source, { cacheBytes: 5_000_000 });
    await expectContent(content, plain);
    await content.close();
  });

  test('zstd by the second engine', async () => {
    const compressed = await compress('zstd');
    const content = await openSeekable(new BufferSource(compressed), { engine: '@mongodb-js/zstd' });
    await expectContent(content, plain);
    await content.close();
  });

  test.each(['libzstd', 'node', '@mongodb-js/zstd'])(
    'the beginning of a zstd frame, by itself: %s',
    async (engine) => {
      if (engine === 'node' && !('createZstdDecompress' in zlib)) return;
      for (const bytes of [plain.subarray(0, 5_000_000), randomBytes(5_000_000)]) {
        const source = new CountedSource(await compress('zstd', bytes));
        const content = await openSeekable(source, { engine });
        source.bytesRead = 0;
        for (let start = 0; start < bytes.length; start = content.partAt!(start).end) {
          const buffer = Buffer.alloc(512);
          expect(await content.readUnproven!(buffer, start + 100)).toBe(512);
          expect(buffer.equals(bytes.subarray(start + 100, start + 612))).toBe(true);
        }
        const blocks = Math.ceil(bytes.length / FRAME_SIZE);
        expect(source.bytesRead).toBeLessThanOrEqual(blocks * (128 * 1024 + 32));
        await content.close();
      }
    },
  );

  test('several reads at a time decompress each part once', async () => {
    const source = new BufferSource(await compress('zstd', plain.subarray(0, 5_000_000)));
    let reads = 0;
    const counted: ByteSource = {
      size: source.size,
      read: (buffer, offset) => {
        reads++;
        return source.read(buffer, offset);
      },
      close: () => source.close(),
    };
    const content = await openSeekable(counted);
    const before = reads;
    await Promise.all(
      Array.from({ length: 20 }, (_, index) => content.read(Buffer.alloc(100), index * 240_000)),
    );
    expect(reads - before).toBe(2);
    await content.close();
  });

  test('another skippable frame may stand before the seek table', async () => {
    const compressed = await compress('zstd');
    const entries = compressed.readUInt32LE(compressed.length - 9);
    const table = compressed.length - (entries * 12 + 9 + 8);
    const other = Buffer.concat([Buffer.from('5d2a4d1803000000', 'hex'), Buffer.from('abc')]);
    const file = Buffer.concat([compressed.subarray(0, table), other, compressed.subarray(table)]);
    await expectContent(await openSeekable(new BufferSource(file)), plain);
  });

  test('joined lzop files', async () => {
    const one = await compress('lzo', plain.subarray(0, 1_000_000));
    const content = await openSeekable(new BufferSource(Buffer.concat([one, one])));
    const twice = Buffer.concat([plain.subarray(0, 1_000_000), plain.subarray(0, 1_000_000)]);
    await expectContent(content, twice);
  });
});

describe('by an index', () => {
  test.each([
    ['lzo', {}],
    ['gzip', {}],
    ['gzip', { level: 1 }],
    ['gzip', { level: 9 }],
    ['gzip', { rsyncable: true }],
    ['pigz', {}],
    ['zstd', {}],
  ])('%s %o', async (name, options) => {
    const source = new BufferSource(await compress(name, plain, options));
    const index = await indexSource(buildIndex(source));
    expect(index.size).toBeLessThan(300_000);
    await expectContent(await openSeekable(source, { index }), plain);
  });

  test.each([
    ['gzip', {}],
    ['zstd', { seekable: false }],
  ])('%s: of a span, no more is read than is asked for, and nothing twice', async (name, options) => {
    const noise = randomBytes(20_000_000); // as large when it is compressed
    const source = new CountedSource(await compress(name, noise, options));
    const index = await indexSource(buildIndex(source, { span: 16 << 20 }));
    const content = await openSeekable(source, { index });
    const read = async (offset: number) => {
      const before = source.bytesRead;
      const buffer = Buffer.alloc(4096);
      await content.read(buffer, offset);
      expect(buffer.equals(noise.subarray(offset, offset + 4096))).toBe(true);
      return source.bytesRead - before;
    };
    const most = 2_500_000; // a MiB, and what comes in one piece with it
    expect(await read(10_000)).toBeLessThan(most);
    expect(await read(20_000)).toBe(0);
    expect(await read(1_100_000)).toBeLessThan(most);
    for (let offset = 1_200_000; offset < noise.length - 4096; offset += 700_000) await read(offset);
    expect(source.bytesRead).toBeLessThan(3 * source.size); // once to build the index
    expect(await read(12_000_000)).toBe(0);
    await content.close();
  });

  test('several gzip members', async () => {
    const members = [plain.subarray(0, 5_000_000), plain.subarray(0, 10), Buffer.alloc(0), plain];
    const file = Buffer.concat(await Promise.all(members.map((member) => compress('gzip', member))));
    const source = new BufferSource(file);
    await expectContent(
      await openSeekable(source, { index: await indexSource(buildIndex(source)) }),
      Buffer.concat(members),
    );
  });

  test('what has changed between the ends of a gzip file is found when it is read, and only there', async () => {
    const compressed = await compress('gzip');
    const index = await indexSource(buildIndex(new BufferSource(compressed)));
    const stored = compressed.indexOf(plain.subarray(9_500_000, 9_500_100)); // noise, as it is
    compressed[stored]! ^= 1;
    const content = await openSeekable(new BufferSource(compressed), { index });
    await content.read(Buffer.alloc(1000), 0);
    await expect(content.read(Buffer.alloc(1000), 9_500_000)).rejects.toMatchObject({
      code: 'GZIP_CRC',
      offset: expect.any(Number),
    });
  });

  test('an index whose checksum is right, and whose content is not to be trusted', async () => {
    const source = new BufferSource(await compress('gzip'));
    const index = await collect(buildIndex(source));
    const open = (change: (index: Buffer) => void) => {
      const changed = Buffer.from(index);
      change(changed);
      return openSeekable(source, { index: new BufferSource(resealed(changed)) });
    };
    const codeOf = (change: (index: Buffer) => void) =>
      open(change).then(
        () => 'opened',
        (error: { code: string }) => error.code,
      );
    const [first, second, third] = [0, 1, 2].map((segment) => entryOf(index, segment)) as [
      number,
      number,
      number,
    ];
    const footer = index.length - FOOTER_SIZE;
    const dictionary = index.readUIntLE(second + 18, 6);
    const [offset, size] = [index.readUIntLE(second, 6), index.readUInt32LE(second + 6)];
    expect(await codeOf(() => {})).toBe('opened');
    const refused: [number | bigint, number, number][] = [
      [source.size, second, 6], // offset
      [0, second, 6], // within the segment before
      [offset + size, second, 6], // over the segment behind
      [0xffffffff, second + 6, 4], // size
      [0xffffffff, second + 10, 4], // content
      [0, second + 18, 6], // place of the dictionary
      [tableOf(index), second + 18, 6],
      [0xffffffff, second + 24, 4], // its length
      [1, second + 32, 2], // number of checksums
      [0xffff, second + 32, 2],
      [1, footer + 6, 4], // number of segments
      [0xffffffff, footer + 6, 4],
      [third, footer, 6], // place of the table
      [1, footer + 38, 4], // number of groups of kept ranges
      [0xffffffff, footer + 38, 4],
    ];
    for (const [value, at, length] of refused) {
      expect(await codeOf((bytes) => bytes.writeUIntLE(Number(value), at, length))).toBe('INDEX_DAMAGED');
    }
    expect(await codeOf((bytes) => bytes.write('1', 7))).toBe('INDEX_STALE'); // version
    const swapped = (bytes: Buffer) => {
      const entries = index.subarray(first, third);
      Buffer.concat([entries.subarray(second - first), entries.subarray(0, second - first)]).copy(
        bytes,
        first,
      );
    };
    expect(await codeOf(swapped)).toBe('INDEX_DAMAGED');
    for (const length of [0, 15, 16, 41, 61, 62, footer, index.length - 1]) {
      const cut = openSeekable(source, { index: new BufferSource(index.subarray(0, length)) });
      await expect(cut).rejects.toMatchObject({ code: 'INDEX_DAMAGED' });
    }
    const misleading: ((bytes: Buffer) => void)[] = [
      (bytes) => bytes.fill(0xff, dictionary, dictionary + 16),
      (bytes) => bytes.writeUInt32LE(1000, second + 14), // the state
      (bytes) => bytes.writeUInt32LE(0, second + 6), // no data
    ];
    for (const change of misleading) {
      const content = await open(change);
      await expect(content.read(Buffer.alloc(10), 5_000_000)).rejects.toMatchObject({
        code: expect.stringMatching(/^(GZIP|INDEX)_/),
      });
    }
  });

  test('a dictionary that is damaged is found when its part is read, and only there', async () => {
    const source = new BufferSource(await compress('gzip'));
    const index = await collect(buildIndex(source));
    index[index.readUIntLE(entryOf(index, 1) + 18, 6)]! ^= 1;
    const content = await openSeekable(source, { index: new BufferSource(index) });
    await content.read(Buffer.alloc(10), 100);
    await expect(content.read(Buffer.alloc(10), 5_000_000)).rejects.toMatchObject({
      code: 'INDEX_DAMAGED',
      offset: expect.any(Number),
    });
  });

  test('an index says how far it has come, and holds for a file of another time', async () => {
    const source = new BufferSource(await compress('gzip'));
    const places: number[] = [];
    const index = await indexSource(
      buildIndex(source, { modified: 5n, onProgress: (offset) => places.push(offset) }),
    );
    expect(places.length).toBeGreaterThan(3);
    expect(places).toEqual(places.toSorted((a, b) => a - b));
    await expectContent(await openSeekable(source, { index, modified: 6n }), plain);
  });

  testWith(['zstd'], 'zstd: of joined files, each of which tells its size', async () => {
    const path = join(await scratch(), 'part');
    const parts: Buffer[] = [];
    for (const part of [plain.subarray(0, 4_000_000), plain.subarray(4_000_000)]) {
      await writeFile(path, part);
      parts.push(await runTool('zstd', ['-qc', path], new Uint8Array(0)));
    }
    const source = new BufferSource(Buffer.concat(parts));
    await expect(openSeekable(source)).rejects.toMatchObject({ code: 'NOT_SEEKABLE' });
    await expectContent(await openSeekable(source, { index: await indexSource(buildIndex(source)) }), plain);
  });

  testWith(['gzip'], 'gzip: of what it wrote', async () => {
    const source = new BufferSource(await runTool('gzip', ['-c'], plain));
    await expectContent(await openSeekable(source, { index: await indexSource(buildIndex(source)) }), plain);
  });

  testWith(['pigz'], 'pigz: of what it wrote', async () => {
    const source = new BufferSource(await runTool('pigz', ['-c', '-p2', '--rsyncable'], plain));
    await expectContent(await openSeekable(source, { index: await indexSource(buildIndex(source)) }), plain);
  });
});

describe('in order', () => {
  test.each([
    ['none', {}],
    ['lzo', {}],
    ['gzip', {}],
    ['zstd', {}],
    ['zstd', { seekable: false }],
  ])('%s %o, as often as it is wanted, and as far', async (name, options) => {
    const source = new BufferSource(await compress(name, plain, options));
    const index = await indexSource(buildIndex(source, { span: 1 << 20 }));
    const content = await openSeekable(source, name === 'none' ? {} : { index, threads: 2 });
    for (const _ of [1, 2]) expect((await collect(readInOrder(content))).equals(plain)).toBe(true);
    for await (const chunk of readInOrder(content)) {
      expect(chunk.length).toBeGreaterThan(0);
      break;
    }
    await content.read(Buffer.alloc(10), 9_000_000);
    const aborted = readInOrder(content, AbortSignal.abort(new Error('enough')));
    await expect(collect(aborted)).rejects.toThrow('enough');
    await content.close();
  });

  test('what comes before damage is given out', async () => {
    const compressed = await compress('gzip');
    const index = await indexSource(buildIndex(new BufferSource(compressed)));
    compressed[compressed.indexOf(plain.subarray(9_500_000, 9_500_100))]! ^= 1;
    const content = await openSeekable(new BufferSource(compressed), { index });
    let length = 0;
    const reading = async () => {
      for await (const chunk of readInOrder(content)) {
        expect(plain.subarray(length, length + chunk.length).equals(chunk)).toBe(true);
        length += chunk.length;
      }
    };
    await expect(reading()).rejects.toMatchObject({ code: 'GZIP_CRC', offset: expect.any(Number) });
    expect(length).toBeGreaterThan(8_000_000);
    expect(length).toBeLessThanOrEqual(9_500_000);
  });
});

describe('what cannot be', () => {
  const refusal = (hint: string) =>
    expect.objectContaining({ code: 'NOT_SEEKABLE', hint: expect.stringContaining(hint) });

  testWith(['zstd'], 'zstd: of a pipe, whatever its window, without an index', async () => {
    for (const options of [[], ['--long=31', '--ultra']]) {
      const source = new BufferSource(await runTool('zstd', ['-c', ...options], plain));
      await expect(openSeekable(source)).rejects.toEqual(refusal('make an index'));
    }
  });
});

describe('damage', () => {
  test('of the content is found when it is read, and only there', async () => {
    for (const name of ['lzo', 'zstd']) {
      const compressed = await compress(name);
      compressed[3_000_000]! ^= 0x10;
      const content = await openSeekable(new BufferSource(compressed));
      await content.read(Buffer.alloc(1000), 0);
      const reading = content.read(Buffer.alloc(plain.length), 0);
      await expect(reading).rejects.toMatchObject({ offset: expect.any(Number) });
      await content.close();
    }
  });

  test('of the seek table', async () => {
    const compressed = await compress('zstd');
    const damaged = (at: number, bytes: string) => {
      const file = Buffer.from(compressed);
      file.write(bytes, file.length + at, 'hex');
      return openSeekable(new BufferSource(file)).then(
        () => 'opened',
        (error: { code: string }) => error.code,
      );
    };
    expect(await damaged(-9, 'ffffff07')).toBe('ZSTD_SEEK_TABLE'); // frames
    expect(await damaged(-9, '01000000')).toBe('ZSTD_SEEK_TABLE');
    expect(await damaged(-5, '84')).toBe('ZSTD_SEEK_TABLE'); // descriptor
    expect(await damaged(-21, 'ffffffff')).toBe('ZSTD_SEEK_TABLE'); // compressed size
    expect(await damaged(-17, 'ffffffff')).toBe('NOT_SEEKABLE'); // content size
    expect(await damaged(-1, '00')).toBe('NOT_SEEKABLE'); // it is none
    const file = Buffer.from(compressed);
    file.writeUInt32LE(file.readUInt32LE(file.length - 17) - 1, file.length - 17);
    const content = await openSeekable(new BufferSource(file));
    await expect(content.read(Buffer.alloc(10), content.size - 10)).rejects.toMatchObject({
      code: expect.stringMatching(/^(ZSTD_FRAME|INDEX_WRONG)$/),
    });
    await content.close();
  });

  test('that a gzip file tells of itself is found while an index is built', async () => {
    const compressed = await compress('gzip', plain.subarray(0, 3_000_000));
    compressed[compressed.length - 5]! ^= 1;
    await expect(collect(buildIndex(new BufferSource(compressed)))).rejects.toMatchObject({
      code: 'GZIP_CRC',
    });
  });
});
