import { BufferSource } from '@vzdump-format/streams';
import { collect, overwriting, testWith } from '@vzdump-format/testing';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { mixedBytes, randomBytes, zeros } from '../testing/bytes.js';
import { runTool } from '../testing/tools.js';
import { loadEngine, ZSTD_ENGINES } from './engines.js';
import { canBeIsolated } from './libraries/libzstd.js';
import { withSizeAndChecksum } from './libraries/mongodb-engine.js';
import { readSeekTable } from './seek-table.js';
import { zstd } from './zstd.js';

const plain = mixedBytes(3_000_000);
/** Those that are there on this version of Node. */
const HERE = ZSTD_ENGINES.filter((name) => name !== 'node' || process.versions.zstd !== undefined);
const STREAMING = HERE.filter((name) => name !== '@mongodb-js/zstd');

describe.each(HERE)('%s', (engine) => {
  const compress = (bytes: Uint8Array, options = {}) =>
    collect(zstd.compress({ engine, frameSize: 250_000, ...options })(overwriting(bytes, 'random')));
  const decompress = (bytes: Uint8Array, options = {}) =>
    collect(zstd.decompress({ engine, ...options })(overwriting(bytes, 65536)));

  test('any number of threads gives the same bytes, and reads them', async () => {
    const compressed = await compress(plain, { threads: 1 });
    for (const threads of [1, 2, 5]) {
      expect((await compress(plain, { threads })).equals(compressed)).toBe(true);
      expect((await decompress(compressed, { threads })).equals(plain)).toBe(true);
    }
  });

  test('each frame is a file of its own, and the table tells where it is', async () => {
    const compressed = await compress(plain);
    const { frames, offset } = (await readSeekTable(new BufferSource(compressed)))!;
    expect(frames).toHaveLength(12);
    let [at, position] = [0, 0];
    for (const { compressedSize, contentSize } of frames) {
      const frame = compressed.subarray(at, at + compressedSize);
      const content = plain.subarray(position, position + contentSize);
      expect((await decompress(frame)).equals(content)).toBe(true);
      at += compressedSize;
      position += contentSize;
    }
    expect([at, position]).toEqual([offset, plain.length]);
  });

  test('a frame of zeros is the same wherever it stands', async () => {
    const zeros = Buffer.alloc(250_000);
    const frame = (await compress(zeros)).subarray(0, 20);
    const compressed = await compress(
      Buffer.concat([zeros, zeros, plain.subarray(0, 250_000), zeros, zeros]),
    );
    const { frames } = (await readSeekTable(new BufferSource(compressed)))!;
    const starts = frames.map((_, index) =>
      frames.slice(0, index).reduce((sum, { compressedSize }) => sum + compressedSize, 0),
    );
    const same = starts.map((start) => compressed.subarray(start, start + 20).equals(frame));
    expect(same).toEqual([true, true, false, true, true]);
    expect(
      (await decompress(compressed, { threads: 2 })).subarray(-500_000).equals(Buffer.alloc(500_000)),
    ).toBe(true);
  });

  test('every level, and contents of every kind', async () => {
    for (const level of [1, 3, 12, 19, 22]) {
      expect((await decompress(await compress(plain.subarray(0, 600_000), { level }))).length).toBe(600_000);
    }
    for (const content of [
      Buffer.alloc(0),
      Buffer.from('x'),
      randomBytes(400_000),
      Buffer.alloc(2_000_000),
    ]) {
      expect((await decompress(await compress(content))).equals(content)).toBe(true);
    }
  });

  test('gives back whatever it was given', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 5000 }),
        fc.integer({ min: 1, max: 3000 }),
        async (bytes, size) => {
          const compressed = await compress(bytes, { frameSize: size });
          expect((await decompress(compressed)).equals(bytes)).toBe(true);
        },
      ),
      { numRuns: 50 },
    );
  });

  test('damage in a frame is found, and told where', async () => {
    const compressed = await compress(plain);
    const { frames } = (await readSeekTable(new BufferSource(compressed)))!;
    const third = frames[0]!.compressedSize + frames[1]!.compressedSize;
    for (const at of [third + 1000, third + frames[2]!.compressedSize - 1]) {
      const damaged = Buffer.from(compressed);
      damaged[at]! ^= 1;
      await expect(decompress(damaged)).rejects.toMatchObject({
        code: expect.stringMatching(/^ZSTD_(FRAME|CHECKSUM)$/),
        offset: third,
      });
    }
  });

  test('frames that do not tell their sizes are read, in pieces, whole ones among them', async () => {
    const streamed = await collect(zstd.compress({ seekable: false })(overwriting(plain, 'random')));
    const long = await collect(zstd.compress({ windowLog: 24, level: 9 })(overwriting(plain, 'random')));
    const joined = Buffer.concat([streamed, await compress(plain), long, streamed]);
    for (const threads of [1, 3]) {
      expect((await decompress(joined, { threads })).equals(Buffer.concat(Array(4).fill(plain)))).toBe(true);
    }
    await expect(decompress(long, { maxWindowLog: 20 })).rejects.toMatchObject({ code: 'ZSTD_WINDOW' });
    long[long.length - 1]! ^= 1;
    await expect(decompress(long)).rejects.toMatchObject({ code: 'ZSTD_CHECKSUM' });
  });

  test('a bomb in one frame goes through in bounded memory', async () => {
    const bomb = await collect(zstd.compress({ seekable: false })(zeros(512)));
    const before = process.memoryUsage.rss();
    let [length, most] = [0, 0];
    const chunks = zstd.decompress({ engine })(overwriting(bomb, bomb.length));
    for await (const chunk of chunks) {
      length += chunk.length;
      most = Math.max(most, process.memoryUsage.rss());
    }
    expect(length).toBe(512 << 20);
    expect(most - before).toBeLessThan(128 << 20);
  });

  testWith(['zstd'], 'zstd: what it makes of a pipe is read, as `zstd < a.vma > a.vma.zst`', async () => {
    for (const options of [[], ['-1', '--no-check'], ['--long=27'], ['-19', '-T2']]) {
      const compressed = await runTool('zstd', ['-c', ...options], plain);
      expect((await decompress(compressed)).equals(plain)).toBe(true);
    }
  });

  testWith(['zstd'], 'zstd: checks and reads what is written here', async () => {
    for (const options of [{}, { level: 19 }, { frameSize: 1000 }]) {
      const compressed = await compress(plain, options);
      expect((await runTool('zstd', ['-dc'], compressed)).equals(plain)).toBe(true);
      await runTool('zstd', ['-t'], compressed);
    }
  });
});

describe.each(STREAMING)('%s, in one frame', (engine) => {
  const compress = (options = {}, bytes: Uint8Array = plain) =>
    collect(zstd.compress({ engine, seekable: false, ...options })(overwriting(bytes, 'random')));
  const decompress = (bytes: Uint8Array, options = {}) =>
    collect(zstd.decompress({ engine, ...options })(overwriting(bytes, 65536)));

  test('any number of threads gives the same bytes, and reads them', async () => {
    const larger = mixedBytes(20_000_000); // of which several threads have a share each
    const compressed = await compress({ threads: 1 }, larger);
    for (const threads of [2, 3, 300]) {
      expect((await compress({ threads }, larger)).equals(compressed)).toBe(true);
      expect((await decompress(compressed, { threads })).equals(larger)).toBe(true);
    }
  });

  test('every level, long windows, and contents of every kind', async () => {
    for (const options of [{ level: 1 }, { level: 19 }, { windowLog: 10 }, { windowLog: 27 }]) {
      expect((await decompress(await compress(options))).equals(plain)).toBe(true);
    }
    for (const content of [
      Buffer.alloc(0),
      Buffer.from('x'),
      randomBytes(3_000_000),
      Buffer.alloc(9_000_000),
    ]) {
      expect((await decompress(await compress({}, content))).equals(content)).toBe(true);
    }
  });

  test('an abort is heeded, and so is the end of a consumer', async () => {
    const compressed = await compress();
    const controller = new AbortController();
    for (const stage of [zstd.compress, zstd.decompress]) {
      const { signal } = controller;
      for await (const _ of stage({ engine, seekable: false, signal })(overwriting(compressed, 65536))) break;
    }
    const chunks = zstd.decompress({ engine, signal: controller.signal })(overwriting(compressed, 1000));
    await chunks.next();
    controller.abort(new Error('enough'));
    await expect(collect(chunks)).rejects.toThrow('enough');
  });
});

test.each(HERE)('%s reads what every other engine wrote', async (reader) => {
  for (const engine of HERE) {
    const compressed = await collect(zstd.compress({ engine })(overwriting(plain, 'random')));
    const back = await collect(zstd.decompress({ engine: reader })(overwriting(compressed, 'random')));
    expect(back.equals(plain)).toBe(true);
  }
});

test('what an engine cannot do, it says', async () => {
  const options = { engine: '@mongodb-js/zstd', seekable: false };
  await expect(collect(zstd.compress(options)(overwriting(plain, 'random')))).rejects.toMatchObject({
    code: 'ZSTD_ENGINE',
    hint: expect.stringContaining('koffi'),
  });
});

test.each([
  ['Node 20 with glibc', ['gnu_get_libc_version'], true],
  ['Node 22 with glibc', ['gnu_get_libc_version', 'ZSTD_versionNumber'], true],
  ['Node 20 elsewhere', [], true],
  ['Node 22 elsewhere', ['ZSTD_versionNumber'], false],
])("whether the system's libzstd keeps apart from Node's: %s", (_, functions, expected) => {
  expect(canBeIsolated((name) => functions.includes(name))).toBe(expected);
});

test('an unknown engine is refused at once', async () => {
  expect(() => zstd.compress({ engine: 'wasm' })).toThrow(expect.objectContaining({ code: 'CODEC_ENGINE' }));
  expect(() => zstd.decompress({ engine: 'wasm' })).toThrow(
    expect.objectContaining({ code: 'CODEC_ENGINE' }),
  );
  expect((await loadEngine()).name).toBe('libzstd');
});

test('size and checksum are put into a frame that has neither, one of them, or both', async () => {
  const content = Buffer.from('content');
  const frames = ['28b52ffd0058390000636f6e74656e74', '28b52ffd2007390000636f6e74656e74'];
  frames.push('28b52ffd2407390000636f6e74656e74aaaaaaaa');
  for (const frame of frames) {
    const whole = withSizeAndChecksum(Buffer.from(frame, 'hex'), content.length, 0x9a6fc3ad);
    const result = collect(zstd.decompress()(overwriting(whole, 7)));
    await expect(result).rejects.toMatchObject({ code: 'ZSTD_CHECKSUM' });
  }
});
