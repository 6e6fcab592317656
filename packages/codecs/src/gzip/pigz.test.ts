import { gunzipSync } from 'node:zlib';
import { collect, overwriting, testWith } from '@vzdump-format/testing';
import { expect, test } from 'vitest';
import { gzip, pigz } from '../gzip/gzip.js';
import { mixedBytes, randomBytes } from '../testing/bytes.js';
import { runTool } from '../testing/tools.js';

const plain = mixedBytes(1_500_000);
const compress = (bytes: Uint8Array, options = {}) =>
  collect(pigz.compress(options)(overwriting(bytes, 'random')));

test('every block size and boundary', async () => {
  for (const content of [randomBytes(300_000), mixedBytes(300_000), Buffer.alloc(300_000)]) {
    for (const length of [0, 1, 32_767, 32_768, 131_071, 131_072, 131_073, 262_144, 300_000]) {
      for (const rsyncable of [false, true]) {
        const compressed = await compress(content.subarray(0, length), { rsyncable });
        expect(gunzipSync(compressed).equals(content.subarray(0, length))).toBe(true);
      }
    }
  }
});

test('noise costs what it is, and zeros next to nothing, wherever they stand', async () => {
  const noise = randomBytes(400_000);
  const zeros = Buffer.alloc(700_000);
  const content = Buffer.concat([zeros, noise, plain, zeros, noise]);
  for (const rsyncable of [false, true]) {
    const compressed = await compress(content, { threads: 2, rsyncable });
    expect(gunzipSync(compressed).equals(content)).toBe(true);
    const ofPlain = (await compress(plain, { rsyncable })).length;
    expect(compressed.length).toBeLessThan(1.001 * 2 * noise.length + 1.01 * ofPlain + 5000);
  }
});

test('blocks side by side cost next to nothing', async () => {
  const inOne = (await collect(gzip.compress()(overwriting(plain, 'random')))).length;
  expect((await compress(plain)).length).toBeLessThan(1.01 * inOne);
  expect((await compress(plain, { rsyncable: true })).length).toBeLessThan(1.02 * inOne);
});

/** How much of `changed` can be found in `original`, in blocks of 4 KiB at any position, as rsync does. */
function findable(original: Buffer, changed: Buffer): number {
  let found = 0;
  const blocks = Math.floor(original.length / 4096);
  let from = 0;
  for (let index = 0; index < blocks; index++) {
    const at = changed.indexOf(original.subarray(index * 4096, (index + 1) * 4096), from);
    if (at < 0) continue;
    from = at;
    found++;
  }
  return found / blocks;
}

test.each([gzip, pigz])(
  '$name, rsyncable: a byte inserted in 64 MiB leaves 95 % of the output',
  async (row) => {
    const before = Buffer.concat(Array.from({ length: 64 }, (_, index) => mixedBytes(1 << 20, index)));
    const at = 1_000_000;
    const after = Buffer.concat([before.subarray(0, at), Buffer.from('!'), before.subarray(at)]);
    const packed = (bytes: Uint8Array, rsyncable: boolean) =>
      collect(row.compress({ level: 1, threads: 2, rsyncable })(overwriting(bytes, 1 << 20)));
    expect(findable(await packed(before, true), await packed(after, true))).toBeGreaterThan(0.95);
    expect(findable(await packed(before, false), await packed(after, false))).toBeLessThan(0.8);
  },
);

testWith(['gzip'], 'gzip: reads what is written here', async () => {
  for (const options of [{}, { level: 1 }, { level: 9 }, { rsyncable: true }]) {
    expect((await runTool('gzip', ['-dc'], await compress(plain, options))).equals(plain)).toBe(true);
    const byGzip = await collect(gzip.compress(options)(overwriting(plain, 'random')));
    expect((await runTool('gzip', ['-dc'], byGzip)).equals(plain)).toBe(true);
  }
});

testWith(['pigz'], 'pigz: reads what is written here', async () => {
  for (const options of [{}, { level: 1 }, { level: 9 }, { rsyncable: true }]) {
    expect((await runTool('pigz', ['-dc'], await compress(plain, options))).equals(plain)).toBe(true);
  }
});
