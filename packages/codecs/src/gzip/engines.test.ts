import { crc32, gunzipSync, gzipSync } from 'node:zlib';
import { collect, overwriting } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import { plainCrc32 } from '../crc32.js';
import { mixedBytes, randomBytes } from '../testing/bytes.js';
import { DEFLATE_ENGINES, loadDeflateEngine } from './engines.js';
import { gzip, pigz } from './gzip.js';

const plain = mixedBytes(400_000);
const failsWith = (code: string, offset: number) => expect.objectContaining({ code, offset });

describe.each(DEFLATE_ENGINES)('%s', (engine) => {
  const decompress = (bytes: Uint8Array, size = 4096) =>
    collect(gzip.decompress({ engine })(overwriting(bytes, size)));

  test('writes what node:zlib reads', async () => {
    for (const row of [gzip, pigz]) {
      for (const options of [{ level: 1 }, {}, { level: 9 }, { rsyncable: true }]) {
        const compressed = await collect(row.compress({ engine, ...options })(overwriting(plain, 'random')));
        expect(gunzipSync(compressed).equals(plain)).toBe(true);
      }
      const empty = await collect(row.compress({ engine })(overwriting(Buffer.alloc(0), 1)));
      expect(gunzipSync(empty).length).toBe(0);
    }
  });

  test('reads what node:zlib writes', async () => {
    for (const content of [plain, randomBytes(200_000), Buffer.alloc(5_000_000), Buffer.alloc(0)]) {
      const members = Buffer.concat([gzipSync(content), gzipSync(content, { level: 1 })]);
      for (const size of [1000, 65536, members.length]) {
        expect((await decompress(members, size)).equals(Buffer.concat([content, content]))).toBe(true);
      }
    }
  });

  test('truncation and damage', async () => {
    const member = gzipSync(plain);
    for (const cut of [0, 1, 9, 10, 11, 5000, member.length - 9, member.length - 8, member.length - 1]) {
      await expect(decompress(member.subarray(0, cut))).rejects.toEqual(failsWith('GZIP_TRUNCATED', cut));
    }
    const bad = Buffer.concat([member.subarray(0, 10), Buffer.alloc(100, 0xff)]);
    await expect(decompress(bad)).rejects.toEqual(failsWith('GZIP_DATA', 10));
    const flipped = Buffer.from(member);
    flipped[member.length - 8]! ^= 1;
    await expect(decompress(flipped)).rejects.toEqual(failsWith('GZIP_CRC', member.length - 8));
  });

  test('CRC-32, also in parts', async () => {
    const { crc32: sum } = await loadDeflateEngine(engine);
    expect(sum(Buffer.from('123456789'))).toBe(0xcbf43926);
    expect(sum(plain.subarray(1000), sum(plain.subarray(0, 1000)))).toBe(crc32(plain));
  });
});

test('what a runtime without node:zlib goes by: plain CRC-32', () => {
  for (const bytes of [plain, Buffer.alloc(0), Buffer.alloc(1000, 0xff)])
    expect(plainCrc32(bytes)).toBe(crc32(bytes));
});

test('an unknown engine is refused at once', () => {
  expect(() => gzip.compress({ engine: 'wasm' })).toThrow(expect.objectContaining({ code: 'CODEC_ENGINE' }));
  expect(() => gzip.decompress({ engine: 'wasm' })).toThrow(
    expect.objectContaining({ code: 'CODEC_ENGINE' }),
  );
  expect(() => pigz.compress({ engine: 'wasm' })).toThrow(expect.objectContaining({ code: 'CODEC_ENGINE' }));
});
