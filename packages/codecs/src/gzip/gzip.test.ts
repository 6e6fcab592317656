import { crc32, gzipSync } from 'node:zlib';
import { collect, overwriting, testWith } from '@vzdump-format/testing';
import { expect, test } from 'vitest';
import { mixedBytes } from '../testing/bytes.js';
import { runTool } from '../testing/tools.js';
import { FIXED_HEADER_SIZE } from './format.js';
import { gzip } from './gzip.js';

const plain = mixedBytes(500_000);
const decompress = (bytes: Uint8Array, size = 4096) => collect(gzip.decompress()(overwriting(bytes, size)));
const failsWith = (code: string, offset?: number) =>
  expect.objectContaining({ code, ...(offset === undefined ? {} : { offset }) });

/** A member with every optional header field. */
function withFullHeader(headerCrcError = 0): Buffer {
  const member = gzipSync(plain);
  const header = Buffer.from(member.subarray(0, FIXED_HEADER_SIZE));
  header[3] = 2 | 4 | 8 | 16;
  const extra = Buffer.concat([Buffer.from([0x90, 0x1f]), Buffer.alloc(0x1f90, 'x')]);
  const full = Buffer.concat([header, extra, Buffer.from('disk.raw\0'), Buffer.from('a comment\0')]);
  const crc = Buffer.alloc(2);
  crc.writeUInt16LE((crc32(full) & 0xffff) ^ headerCrcError);
  return Buffer.concat([full, crc, member.subarray(FIXED_HEADER_SIZE)]);
}

test('reads every header field', async () => {
  for (const size of [1, 7, 4096, 65536])
    expect((await decompress(withFullHeader(), size)).equals(plain)).toBe(true);
});

test('says what is wrong with a header', async () => {
  await expect(decompress(withFullHeader(1))).rejects.toEqual(failsWith('GZIP_HEADER', 0));
  const member = gzipSync('x');
  const changed = (at: number, value: number) => Buffer.from(member).fill(value, at, at + 1);
  await expect(decompress(changed(2, 7))).rejects.toEqual(failsWith('GZIP_HEADER'));
  await expect(decompress(changed(3, 0x20))).rejects.toEqual(failsWith('GZIP_HEADER'));
  const endlessName = Buffer.concat([changed(3, 8).subarray(0, 10), Buffer.alloc(1 << 20, 'x')]);
  await expect(decompress(endlessName)).rejects.toEqual(failsWith('GZIP_HEADER'));
});

test('says what is wrong with a trailer or the data, and where', async () => {
  const member = gzipSync(plain);
  const flipped = (at: number) =>
    Buffer.from(member).fill(member.at(at)! ^ 1, member.length + at, member.length + at + 1 || undefined);
  await expect(decompress(flipped(-8))).rejects.toEqual(failsWith('GZIP_CRC', member.length - 8));
  await expect(decompress(flipped(-1))).rejects.toEqual(failsWith('GZIP_LENGTH', member.length - 4));
  const bad = Buffer.concat([member.subarray(0, FIXED_HEADER_SIZE), Buffer.alloc(100, 0xff)]);
  await expect(decompress(bad)).rejects.toEqual(failsWith('GZIP_DATA', FIXED_HEADER_SIZE));
  const second = Buffer.concat([member, flipped(-8)]);
  await expect(decompress(second)).rejects.toEqual(failsWith('GZIP_CRC', 2 * member.length - 8));
});

test('many small members', async () => {
  const members = Array.from({ length: 500 }, (_, index) => gzipSync(plain.subarray(index, 2 * index)));
  const expected = Array.from({ length: 500 }, (_, index) => plain.subarray(index, 2 * index));
  expect((await decompress(Buffer.concat(members), 1 << 20)).equals(Buffer.concat(expected))).toBe(true);
});

testWith(['gzip'], 'gzip: reads what is written here', async () => {
  for (const level of [1, 6, 9]) {
    const compressed = await collect(gzip.compress({ level })(overwriting(plain, 'random')));
    expect((await runTool('gzip', ['-dc'], compressed)).equals(plain)).toBe(true);
  }
});

testWith(['gzip'], 'gzip: writes what is read here', async () => {
  for (const option of ['-1', '-6', '-9', '--rsyncable']) {
    expect((await decompress(await runTool('gzip', ['-c', option], plain))).equals(plain)).toBe(true);
  }
  expect((await decompress(await runTool('gzip', ['-c'], new Uint8Array(0)))).length).toBe(0);
});

testWith(['pigz'], 'pigz: writes what is read here', async () => {
  for (const options of [['-p2'], ['-p2', '--rsyncable'], ['-i', '-1'], ['-11', '-I1']]) {
    expect((await decompress(await runTool('pigz', ['-c', ...options], plain))).equals(plain)).toBe(true);
  }
});
